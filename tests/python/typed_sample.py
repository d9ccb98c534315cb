# Checked by mypy --strict against the package's types; never run.
import threading
from collections.abc import Iterator
from pathlib import Path

import millrace


@millrace.processor(color="luma", size=(64, 48), scale=2)
def brighten(batch: millrace.Batch, *, gain: float = 1.1) -> object:
    return batch.numpy() * gain


@millrace.analyser
class Tags:
    def setup(self, info: millrace.Info) -> None:
        self.width: int = info.width

    def __call__(self, batch: millrace.Batch) -> list[int]:
        print(brighten(batch, gain=2.0), batch.pts, batch.seconds)
        return [self.width + batch.indices[0]] * len(batch)


@millrace.generator(size=(64, 48), frame_rate="30000/1001", time_base="1/1000", frames="count")
def count_up(*, count: int = 10, start: int = 0) -> Iterator[tuple[bytes, int]]:
    for number in range(start, count):
        yield bytes(64 * 48 * 3 * 4), number * 33


def show(now: millrace.Progress) -> None:
    print(f"{now.frames_done}/{now.frames_total} {now.phase} {now.fps:.1f}")


def look(path: Path) -> list[int]:
    with millrace.read(path, batch=16, color="bgr", size=(64, 48), start=1.5) as clip:
        ticks = [tick for batch in clip for tick in batch.pts if tick is not None]
        print(len(clip), clip.frame_rate, clip[1:3].indices, clip.at(0.5).pts, clip.frames([1, 2]).numpy(), clip.losses)
    return ticks


def generate(frames: list[bytes]) -> int:
    with millrace.Writer("out.mp4", width=64, height=48, frame_rate="30000/1001", crf=20) as writer:
        writer.start_at(writer.frames_done)
        for frame in frames:
            writer.write(frame, stream=0)
    return writer.report.frames.muxed


def tuned() -> int:
    found = millrace.tune("x2.onnx", "in.mp4", time=30, batch=4, progress=print)
    best: millrace.TuneSettings | None = found.chosen
    rates: list[float] = [point.fps for point in found.points]
    print(found, rates, found.live_best, [why for _, why in found.ended])
    return 0 if best is None or best.batch is None else best.batch


def main() -> float:
    stop = threading.Event()
    try:
        report = millrace.run(
            Path("in.mp4"), "out.mp4", model="x2.onnx", crf=20, tile=(256, 256, 16), progress=show, stop=stop
        )
    except millrace.InterruptedRun as error:
        print(error.code, error.exit_code)
        raise
    except millrace.Error as error:
        print(error)
        return 0.0
    names: list[str] = [stage.name for stage in report.stages]
    size: tuple[int, int] = report.size_out
    print(names, size, report.frames.muxed, report.to_json(), millrace.probe("in.mp4", start="1:30"))
    return report.fps
