"""millrace.Writer of frames on a GPU: the file of the CPU's Writer, whatever the producer does with its memory next.

Run where a GPU is, with torch, cupy or both: MILLRACE_PACKAGE names the folder of a package that is built with CUDA.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [os.environ.get("MILLRACE_PACKAGE", str(ROOT / "build/cuda/python"))]

import millrace  # noqa: E402
from tools import finished_segments, packet_fingerprint  # noqa: E402

WIDTH, HEIGHT, FRAMES = 320, 180, 60
SIZE = {"width": WIDTH, "height": HEIGHT, "frame_rate": 25, "preset": "veryfast", "segment_length": 1}
SLOW = 50_000_000  # cycles: some 30 ms


@pytest.fixture(scope="module")
def torch():
    module = pytest.importorskip("torch")
    if not module.cuda.is_available():
        pytest.skip("torch finds no GPU")
    return module


@pytest.fixture(scope="module")
def cupy():
    return pytest.importorskip("cupy")


def noise(number, dtype="float32", shape=(3, HEIGHT, WIDTH)):
    rng = np.random.default_rng(number)
    if dtype == "uint8":
        return rng.integers(0, 256, shape, dtype=np.uint8)
    return rng.uniform(-0.1, 1.1, shape).astype(dtype)


def by_the_cpu(path, numbers=range(FRAMES), make=noise, **options):
    with millrace.Writer(path, **SIZE, **options) as writer:
        for number in numbers:
            writer.write(make(number))
    return packet_fingerprint(path)


@pytest.fixture(scope="module")
def wanted(tmp_path_factory):
    return by_the_cpu(tmp_path_factory.mktemp("cpu") / "cpu.mp4")


def side_stream(torch):
    return torch.cuda.stream(torch.cuda.Stream())


@pytest.mark.parametrize("where", ["current", "side", "said", "number"])
def test_a_slow_producer_that_uses_its_output_again_at_once(torch, tmp_path, wanted, where):
    frame = torch.empty((3, HEIGHT, WIDTH), device="cuda")
    sources = [torch.from_numpy(noise(number)).cuda() for number in range(FRAMES)]
    torch.cuda.synchronize()
    other = torch.cuda.Stream()
    streams = {"current": torch.cuda.current_stream(), "side": other, "said": other, "number": other}
    said = {"said": {"stream": other}, "number": {"stream": other.cuda_stream}}.get(where, {})
    with millrace.Writer(tmp_path / "out.mp4", **SIZE, device="cuda") as writer, torch.cuda.stream(streams[where]):
        for source in sources:
            torch.cuda._sleep(SLOW)
            frame.copy_(source)
            writer.write(frame, **said)
            frame.fill_(0.5)
    assert packet_fingerprint(tmp_path / "out.mp4") == wanted


class OfNobody:
    """An array that says nothing of its library."""

    def __init__(self, array):
        self._array = array
        self.__dlpack_device__ = array.__dlpack_device__

    def __dlpack__(self, **asked):
        return self._array.__dlpack__(**asked)


def test_where_the_stream_is_not_known_the_host_waits(torch, tmp_path, wanted):
    frame = torch.empty((3, HEIGHT, WIDTH), device="cuda")
    sources = [torch.from_numpy(noise(number)).cuda() for number in range(FRAMES)]
    other = torch.cuda.Stream()  # knows nothing of the one that the frame was made on
    torch.cuda.synchronize()
    with millrace.Writer(tmp_path / "out.mp4", **SIZE, device="cuda") as writer:
        for source in sources:
            torch.cuda._sleep(SLOW)
            frame.copy_(source)
            writer.write(OfNobody(frame))
            with torch.cuda.stream(other):
                frame.fill_(0.5)
            other.synchronize()
    assert packet_fingerprint(tmp_path / "out.mp4") == wanted


def test_memory_that_is_freed_at_once(torch, tmp_path, wanted):
    """The caching allocator gives it to the next frame."""
    with millrace.Writer(tmp_path / "out.mp4", **SIZE, device="cuda") as writer:
        for number in range(FRAMES):
            writer.write(torch.from_numpy(noise(number)).cuda())
            torch.full((3, HEIGHT, WIDTH), 0.5, device="cuda")
    assert packet_fingerprint(tmp_path / "out.mp4") == wanted


def test_batches(torch, tmp_path, wanted):
    with millrace.Writer(tmp_path / "out.mp4", **SIZE, device="cuda") as writer:
        for first in range(0, FRAMES, 20):
            batch = torch.from_numpy(np.stack([noise(number) for number in range(first, first + 20)])).cuda()
            writer.write(batch)
            batch.zero_()
    assert writer.report.frames.encoded == FRAMES
    assert packet_fingerprint(tmp_path / "out.mp4") == wanted


def test_cupy(cupy, tmp_path, wanted):
    frame = cupy.empty((3, HEIGHT, WIDTH), "float32")
    with millrace.Writer(tmp_path / "out.mp4", **SIZE, device="cuda") as writer:
        for stream in (cupy.cuda.Stream(non_blocking=True), cupy.cuda.Stream.null):
            half = range(30) if stream is not cupy.cuda.Stream.null else range(30, FRAMES)
            with stream:
                for number in half:
                    frame.set(noise(number))
                    writer.write(frame)
                    frame.fill(0.5)
    assert packet_fingerprint(tmp_path / "out.mp4") == wanted


@pytest.mark.parametrize(
    ("words", "make"),
    [
        ({"dtype": "float16"}, lambda number: noise(number, "float16")),
        ({"dtype": "uint8"}, lambda number: noise(number, "uint8")),
        ({"dtype": "uint8", "layout": "nhwc"}, lambda number: noise(number, "uint8", (HEIGHT, WIDTH, 3))),
        ({"layout": "nhwc", "color": "bgr"}, lambda number: noise(number, "float32", (HEIGHT, WIDTH, 3))),
        ({"color": "luma"}, lambda number: noise(number, "float32", (1, HEIGHT, WIDTH))),
        ({"pixel_format": "yuv444p10le"}, noise),
    ],
)  # fmt: skip
def test_forms(torch, tmp_path, words, make):
    cpu = by_the_cpu(tmp_path / "cpu.mp4", range(30), make, **words)
    with millrace.Writer(tmp_path / "gpu.mp4", **SIZE, device="cuda", **words) as writer:
        for number in range(30):
            writer.write(torch.from_numpy(make(number)).cuda())
    assert packet_fingerprint(tmp_path / "gpu.mp4") == cpu


def test_frames_of_the_host(tmp_path, torch, wanted):
    """Some here, some there."""
    with millrace.Writer(tmp_path / "out.mp4", **SIZE, device="cuda") as writer:
        for number in range(FRAMES):
            writer.write(torch.from_numpy(noise(number)).to("cuda" if number % 3 else "cpu"))
    assert packet_fingerprint(tmp_path / "out.mp4") == wanted


def test_an_interrupted_one_is_gone_on_from_on_the_cpu(torch, tmp_path, wanted):
    path = tmp_path / "out.mp4"

    def interrupted():
        with millrace.Writer(path, **SIZE, device="cuda") as writer:
            for number in range(FRAMES - 5):
                writer.write(torch.from_numpy(noise(number)).cuda())
            while finished_segments(path) < 1:
                pass
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with millrace.Writer(path, **SIZE) as writer:
        writer.start_at(writer.frames_done)
        assert writer.next_frame >= 25
        for number in range(writer.next_frame, FRAMES):
            writer.write(noise(number))
    assert packet_fingerprint(path) == wanted


def test_what_is_refused(torch, tmp_path):
    frame = torch.zeros((3, HEIGHT, WIDTH), device="cuda")
    with millrace.Writer(tmp_path / "gpu.mp4", **SIZE, device="cuda") as writer:
        for wrong, said in {
            frame[:, :90]: r"expected float32 \[3, 180, 320\] .* found float32 \[3, 90, 320\]|not compact",
            frame.half(): r"found float16 \[3, 180, 320\]",
            frame.double(): "float32, float16 or uint8|expected float32",
            frame.transpose(1, 2): "compact|found float32",
        }.items():
            with pytest.raises((millrace.UsageError, BufferError), match=said):
                writer.write(wrong)
        with pytest.raises(millrace.UsageError, match="stream: expected a number"):
            writer.write(frame, stream="default")
        writer.write(frame)
    with millrace.Writer(tmp_path / "cpu.mp4", **SIZE) as writer:
        with pytest.raises(millrace.UsageError, match='declare device="cuda"'):
            writer.write(frame)
        writer.write(frame.cpu())
