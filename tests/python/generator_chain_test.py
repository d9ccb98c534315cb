"""Scripts behind a generator: what they are handed, what becomes of it, what a restart does again, what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import millrace
import numpy as np
import pytest
from script_runs import killed
from tools import BAD_INPUT, FAILED, REFUSED, USAGE, finished_segments, frames_of, leftovers, packet_fingerprint, times
from tools import millrace as program
from writer_frames import EXACT, HEIGHT, QUICK, WIDTH, moving

PYTHON = ["--python", sys.executable]
FOLDER = str(Path(__file__).parent)
GENERATOR = f"""
import os, sys, time
import numpy as np
sys.path.insert(0, {FOLDER!r})
from writer_frames import moving
from millrace import generator

@generator(size=({WIDTH}, {HEIGHT}), frame_rate=25, frames="count")
def make(*, count: int = 110, start: int = 0):
    for number in range(start, count):
        yield moving(number)
"""
HALF = """
import os, time
from millrace import processor

@processor(batch=4)
def half(batch, *, part: float = 0.5):
    assert batch.tensor.shape == (4, 3, 64, 96), batch.tensor.shape
    assert batch.numpy().ctypes.data % 256 == 0
    time.sleep(float(os.environ.get("WAIT", 0)) * len(batch))
    return batch.numpy() * part
"""
GROW = """
from millrace import processor

@processor(batch=8, scale=2)
class Grow:
    def setup(self, info):
        self.size = (info.height, info.width)
    def __call__(self, batch):
        assert batch.shape[2:] == self.size == (64, 96)
        return list(batch.numpy().repeat(2, axis=2).repeat(2, axis=3))
"""
MEAN = """
from millrace import analyser

@analyser(batch=4)
def mean(batch):
    return [{"mean": float(x.mean()), "index": i, "pts": p} for x, i, p in zip(batch.numpy(), batch.indices, batch.pts)]
"""


@pytest.fixture
def script(tmp_path):
    def write_it(text, name):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write_it


@pytest.fixture
def make(script):
    return script(GENERATOR, "make.py")


def words(output, *scripts, options=("-preset", "veryfast", "--segment-length", "1")):
    return ["run", "-o", output, *(word for one in scripts for word in ("--script", one)), *PYTHON, *options]


def run(output, *scripts, more=(), **options):
    ended = program(*words(output, *scripts, **options), *more)
    assert ended.code == 0, ended
    return ended


def refused(output, code, *scripts, more=()):
    ended = program(*words(output, *scripts), *more)
    assert ended.code == code, ended
    return ended.err


def written(path, pictures, width=WIDTH, height=HEIGHT, rate=25, options=QUICK):
    with millrace.Writer(path, width=width, height=height, frame_rate=rate, **options) as writer:
        for picture in pictures:
            writer.write(picture)
    return path


def test_each_takes_what_the_one_before_made(tmp_path, make, script):
    """The same file as of the same pictures through a Writer; parameters go to whom they name."""
    output, report = tmp_path / "out.mp4", tmp_path / "report.json"
    more = ["--set", "half.part=0.25", "--set", "count=30", "--report", report]
    run(output, make, script(HALF, "half.py"), script(GROW, "grow.py"), more=more)
    grown = ((moving(n) * np.float32(0.25)).repeat(2, axis=1).repeat(2, axis=2) for n in range(30))
    expected = written(tmp_path / "expected.mp4", grown, 2 * WIDTH, 2 * HEIGHT)
    assert packet_fingerprint(output) == packet_fingerprint(expected)
    said = json.loads(report.read_text())
    assert (said["script"]["kind"], said["size_out"]) == ("generator", [2 * WIDTH, 2 * HEIGHT])
    assert [said["frames"][key] for key in ("expected", "processed", "encoded", "muxed")] == [30] * 4
    # setup, the generator's call, 30 frames and their end, two scripts eight times, flush, close
    assert said["script"]["calls"] == 2 + 31 + 2 * 8 + 2


@pytest.mark.parametrize("options", [(), ("--batch", "1"), ("--batch", "64")])
def test_batches_change_nothing(tmp_path, script, options):
    """Frames come in sevens, of unlike memory, and are used again once they are yielded."""
    sevens = GENERATOR.replace(
        "        yield moving(number)",
        """        if number == start:
            memory = np.empty((64, 7, 3, 96), "float32").transpose(1, 2, 0, 3)
        memory[number % 7] = moving(number)
        if number % 7 == 6 or number == count - 1:
            yield memory[:number % 7 + 1]
            memory[:] = np.nan""",
    )
    half = HALF.replace("batch.tensor.shape == (4, 3, 64, 96)", "len(batch.tensor.shape) == 4")
    output = tmp_path / "out.mp4"
    run(output, script(sevens, "make.py"), script(half, "half.py"), more=["--set", "count=50", *options])
    expected = written(tmp_path / "expected.mp4", (moving(n) * np.float32(0.5) for n in range(50)))
    assert packet_fingerprint(output) == packet_fingerprint(expected)


def test_bytes_with_the_channels_last(tmp_path, script):
    declared = "dtype='uint8', layout='nhwc'"
    make = GENERATOR.replace('frames="count"', f'frames="count", {declared}').replace(
        "moving(number)", "(moving(number).clip(0, 1) * 255).astype('uint8').transpose(1, 2, 0)"
    )
    turn = f"""
from millrace import processor
@processor(batch=3, {declared})
def turn(batch):
    frames = batch.numpy()
    frames[:] = 255 - frames
    return batch
"""
    output = tmp_path / "out.mkv"
    more = ["--set", "count=10"]
    run(output, script(make, "make.py"), script(turn, "turn.py"), options=["-c:v", "ffv1"], more=more)
    pictures = (255 - (moving(n).clip(0, 1) * 255).astype("uint8").transpose(1, 2, 0) for n in range(10))
    exact = {**EXACT, "dtype": "uint8", "layout": "nhwc"}
    expected = written(tmp_path / "expected.mkv", pictures, options=exact)
    assert packet_fingerprint(output) == packet_fingerprint(expected)


def test_an_analyser_comes_last(tmp_path, make, script):
    half, mean = script(HALF, "half.py"), script(MEAN, "mean.py")
    output, report = tmp_path / "out.jsonl", tmp_path / "report.json"
    run(output, make, half, mean, more=["--report", report])
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    assert [line["frame"] for line in lines] == [line["result"]["index"] for line in lines] == list(range(110))
    assert [line["pts"] for line in lines] == [line["result"]["pts"] for line in lines] == list(range(110))
    assert [line["seconds"] for line in lines] == [n / 25 for n in range(110)]
    means = [float((moving(n) * np.float32(0.5)).mean()) for n in range(110)]
    assert np.allclose([line["result"]["mean"] for line in lines], means, rtol=1e-6, atol=0)
    said = json.loads(report.read_text())
    assert [said["frames"][key] for key in ("expected", "processed", "encoded", "muxed")] == [110] * 4
    assert sorted(leftovers(tmp_path)) == ["half.py", "make.py", "mean.py", "out.jsonl", "report.json"]
    piped = program(*words("-", make, half, mean))
    assert (piped.code, piped.out) == (0, output.read_bytes())


def test_pictures_between_have_the_times_between(tmp_path, make, script):
    """Twice the rate, then three times: six pictures a frame, at six times the rate."""
    twice = """
import numpy as np
from millrace import processor
@processor(batch=4, rate=2)
def twice(batch):
    return np.stack([batch.numpy(), batch.numpy() / 2], axis=1).reshape(-1, 3, 64, 96)
"""
    thrice = """
from millrace import processor
@processor(batch=4, rate=3)
def thrice(batch):
    assert batch.indices[0::2] == batch.indices[1::2]
    assert set(batch.pts[1::2]) == {None} and batch.pts[0::2] == batch.indices[0::2]
    return batch.numpy().repeat(3, axis=0)
"""
    output = tmp_path / "out.mp4"
    run(output, make, script(twice, "twice.py"), script(thrice, "thrice.py"), more=["--frames", "10"])
    pictures = (moving(n) / np.float32(half) for n in range(10) for half in (1, 2) for _ in range(3))
    expected = written(tmp_path / "expected.mp4", pictures, rate=150)
    assert packet_fingerprint(output) == packet_fingerprint(expected)
    err = refused(tmp_path / "o.jsonl", BAD_INPUT, make, script(twice, "twice.py"), script(MEAN, "mean.py"))
    assert "which gives 2 pictures a frame; an analyser says one thing a frame" in err


@pytest.mark.parametrize("kind", ["video", "lines", "sequential"])
@pytest.mark.parametrize("takes_start", [True, False])
def test_what_is_finished_outlives_a_kill(tmp_path, script, kind, takes_start):
    """A sequential script sees all frames again; others those alone that are missing."""
    logged = GENERATOR.replace("        yield", "        print(number, file=sys.stderr)\n        yield")
    if not takes_start:
        logged = logged.replace(", start: int = 0", "").replace("range(start, count)", "range(count)")
    order = ', order="sequential"' if kind == "sequential" else ""
    half = script(HALF.replace("batch=4", "batch=4" + order), "half.py")
    scripts = [script(logged, "make.py"), half, *([script(MEAN, "mean.py")] if kind == "lines" else [])]
    whole, output = (tmp_path / f"{name}.{'jsonl' if kind == 'lines' else 'mp4'}" for name in ("whole", "out"))
    run(whole, *scripts)
    killed(words(output, *scripts), lambda: finished_segments(output) >= 2, WAIT="0.02")
    err = run(output, *scripts).err
    assert output.read_bytes() == whole.read_bytes()
    made = [int(line) for line in err.splitlines() if line.isdigit()]
    assert made == list(range(made[0], 110))
    assert made[0] >= 48 if takes_start and kind != "sequential" else made[0] == 0


STATEFUL = """
import os, sys, time
import numpy as np
from millrace import processor

@processor(order="sequential", batch=7{more})
class Trail:
    def setup(self, info):
        self.mean = np.zeros((), "float32")
        self.seen = 0
    def __call__(self, batch):
        assert len(set(batch.segments)) == 1
        time.sleep(float(os.environ.get("WAIT", 0)) * len(batch))
        print("seen", *batch.indices, file=sys.stderr)
        result = []
        for frame in batch.numpy():
            self.seen += 1
            self.mean = self.mean * np.float32(0.75) + frame * np.float32(0.25)
            result += [self.mean, frame * np.float32(self.seen / 200)][:{pictures}]
        return result
    def save(self):
        return self.seen.to_bytes(8, "big") + self.mean.tobytes()
    def load(self, state):
        self.seen = int.from_bytes(state[:8], "big")
        self.mean = np.frombuffer(state[8:], "float32").reshape(3, 64, 96)
"""


@pytest.mark.parametrize(("kind", "rate"), [("video", 1), ("video", 2), ("lines", 1)])
@pytest.mark.parametrize("takes_start", [True, False])
def test_a_state_goes_on_where_it_was(tmp_path, script, kind, rate, takes_start):
    """With a rate of 2 segments of 25 pictures begin in the middle of a frame."""
    text = GENERATOR if takes_start else GENERATOR.replace(", start: int = 0", "").replace("start, count", "count")
    trail = STATEFUL.format(more=f", rate={rate}" if rate > 1 else "", pictures=rate)
    rated = text.replace("frame_rate=25", "frame_rate='25/2'") if rate > 1 else text
    scripts = [script(rated, "make.py"), script(trail, "trail.py"), *([script(MEAN, "mean.py")] * (kind == "lines"))]
    whole, output = (tmp_path / f"{name}.{'jsonl' if kind == 'lines' else 'mp4'}" for name in ("whole", "out"))
    run(whole, *scripts)
    killed(words(output, *scripts), lambda: finished_segments(output) >= 3, WAIT="0.02")
    assert list(Path(f"{output}.millrace").glob("segment-*.state"))
    lines = [line.split() for line in run(output, *scripts).err.splitlines() if line.startswith("seen ")]
    seen = [int(word) for line in lines for word in line[1:]]
    assert output.read_bytes() == whole.read_bytes()
    assert seen == list(range(seen[0], 110))
    assert seen[0] >= 2 * 25 // rate - 1, "a state was there"
    assert not Path(f"{output}.millrace").exists()


def test_the_order_is_part_of_the_job(tmp_path, make, script):
    half, other = script(HALF, "half.py"), script(HALF.replace("def half", "def other"), "other.py")
    output = tmp_path / "out.mp4"
    killed(words(output, make, half, other), lambda: finished_segments(output) >= 1, WAIT="0.02")
    err = refused(output, USAGE, make, other, half)
    assert "holds the unfinished work of another command" in err
    run(output, make, other, half, more=["--restart"])


def test_what_scripts_load_is_no_time_of_the_runs(tmp_path, make, script):
    loads = script("""
import time
from millrace import processor
@processor
class Loads:
    def setup(self, info):
        time.sleep(2)
    def __call__(self, batch):
        return batch
""", "loads.py")  # fmt: skip
    report = millrace.run(None, tmp_path / "out.mp4", script=[make, loads], set={"count": 5})
    assert report.load_seconds > 2
    assert report.run_seconds < report.wall_seconds - 2
    (model,) = (stage for stage in report.stages if stage.name == "model")
    assert model.busy_seconds <= report.run_seconds


def test_what_goes_wrong_behind_names_line_and_frames(tmp_path, make, script):
    output = tmp_path / "out.mp4"
    wrong = "\nfrom millrace import processor\n@processor(batch=4)\ndef work(batch):\n    {}\n    return batch\n"
    raises = script(wrong.format("if 9 in batch.indices: raise ValueError('no')"), "raises.py")
    assert "raises.py, line 5: ValueError: no (frames 8 to 11)" in refused(output, FAILED, make, raises)
    shape = script(wrong.format("return batch.numpy()[:, :1]"), "shape.py")
    assert "work returned: expected float32 [4, 3, 64, 96], found float32 [4, 1, 64, 96]" in refused(
        output, FAILED, make, shape
    )
    hangs = script("import time\n" + wrong.format("time.sleep(600)"), "hangs.py")
    assert "longer than --script-timeout 1" in refused(output, FAILED, make, hangs, more=["--script-timeout", "1"])
    keeps = script("kept = []\n" + wrong.format("kept.append(batch.numpy())"), "keeps.py")
    assert "it keeps the memory of 2 batches" in refused(output, FAILED, make, keeps)
    nan = script(wrong.format("batch.numpy()[:] = float('nan')"), "nan.py")
    assert "refused by --strict" in refused(output, REFUSED, make, nan, more=["--strict"])
    assert not output.exists()


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (HALF, GENERATOR, "but makes frames of its own; a generator is the first script"),
        (GENERATOR, GENERATOR, "but makes frames of its own; a generator is the first script"),
        (GENERATOR, HALF.replace("batch=4", "color='bgr'"), "half takes float32, bgr, nchw, white is 1, but make of"),
        (GENERATOR, HALF.replace("batch=4", "dtype='uint8'"), "but make of"),
        (GENERATOR, HALF.replace("batch=4", "color='yuv'"), "half takes yuv planes, but make of"),
        (GENERATOR, HALF.replace("batch=4", "window=(1, 1)"), "declares window, but is handed what make of"),
        (GENERATOR, HALF.replace("batch=4", "size=(64, 64)"), "a generator says what frames are, and hands on single"),
        (GENERATOR, MEAN + HALF, "expected one function or class with"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, script, first, second, said):
    err = refused(tmp_path / "out.mp4", BAD_INPUT, script(first, "a.py"), script(second, "b.py"))
    assert said in err
    assert sorted(leftovers(tmp_path)) == ["a.py", "b.py"]


def test_outputs_that_do_not_fit_and_inputs(tmp_path, make, script):
    half, mean = script(HALF, "half.py"), script(MEAN, "mean.py")
    assert "name a file that ends in .jsonl" in refused(tmp_path / "o.mp4", USAGE, make, mean)
    assert "name a video file" in refused(tmp_path / "o.jsonl", USAGE, make, half)
    assert "leave out -i film.mp4" in refused(tmp_path / "o.mp4", USAGE, make, half, more=["-i", "film.mp4"])
    assert "leave out --script-workers 2" in refused(tmp_path / "o.mp4", USAGE, make, half, more=["--script-workers=2"])


def test_python_takes_a_list(tmp_path, make, script):
    seen = []
    report = millrace.run(
        None, tmp_path / "out.mp4", script=[make, script(HALF, "half.py")], set={"count": 20}, progress=seen.append
    )
    assert report.frames.muxed == report.frames.expected == 20
    assert {now.frames_total for now in seen if now.phase == "running"} <= {20}


TIMED = f"""
import sys
sys.path.insert(0, {FOLDER!r})
from writer_frames import moving
from millrace import generator

TIMES = [0, 3, 4, 100, 101, 250]

@generator(size=({WIDTH}, {HEIGHT}), frame_rate=25, time_base="1/1000")
def make(*, start: int = 0):
    for number in range(start, 6):
        yield moving(number), TIMES[number]
"""


def ticks(path):
    """Of packets, by ffprobe: pts in milliseconds."""
    text = subprocess.run(
        ["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "packet=pts_time", "-of", "csv=p=0", path],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return sorted(Fraction(line.rstrip(",")) * 1000 for line in text.split())


@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_frames_have_the_times_that_come_with_them(tmp_path, script, container):
    output = tmp_path / f"out.{container}"
    run(output, script(TIMED, "make.py"), options=[])
    assert ticks(output) == [0, 3, 4, 100, 101, 250]
    with millrace.Writer(
        tmp_path / f"writer.{container}", width=WIDTH, height=HEIGHT, frame_rate=25, time_base="1/1000"
    ) as writer:
        for number, pts in enumerate([0, 3, 4, 100, 101, 250]):
            writer.write(moving(number), pts=pts)
    assert packet_fingerprint(output) == packet_fingerprint(tmp_path / f"writer.{container}")


def test_batches_have_a_list_of_times_and_frames_ends_within(tmp_path, script):
    three = "np.stack([moving(number + n) for n in range(3)]), TIMES[number:number + 3]"
    batches = TIMED.replace("range(start, 6)", "range(0, 6, 3)").replace("moving(number), TIMES[number]", three)
    output = tmp_path / "out.mp4"
    run(output, script("import numpy as np\n" + batches, "make.py"), options=["--frames", "5"])
    assert ticks(output) == [0, 3, 4, 100, 101]


def test_times_go_through_what_follows(tmp_path, script):
    """Of two pictures a frame the second is shown half way to the next frame, the last one half a frame later."""
    twice = """
import numpy as np
from millrace import processor
@processor(batch=4, rate=2)
def twice(batch):
    assert list(batch.pts) == [[0, 3, 4, 100], [101, 250]][batch.indices[0] // 4]
    assert list(batch.seconds) == [pts / 1000 for pts in batch.pts]
    return batch.numpy().repeat(2, axis=0)
"""
    output, lines = tmp_path / "out.mp4", tmp_path / "out.jsonl"
    make = script(TIMED, "make.py")
    run(output, make, script(twice, "twice.py"), options=[])
    assert ticks(output) == [0, 1.5, 3, 3.5, 4, 52, 100, 100.5, 101, 175.5, 250, 270]
    assert [time * 1000 for time in times(frames_of(output))] == ticks(output)
    run(lines, make, script(MEAN, "mean.py"), options=[])
    found = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [(one["pts"], one["seconds"]) for one in found] == [(t, t / 1000) for t in (0, 3, 4, 100, 101, 250)]


@pytest.mark.parametrize(
    ("yielded", "said"),
    [
        (
            "moving(number)",
            "as frame 0: expected (frame, pts), as the decorator has a time_base, found float32 [3, 64, 96]",
        ),
        (
            "moving(number), 1.5",
            "as pts of frame 0: expected a whole number of ticks, of a batch a list of them, found 1.5",
        ),
        ("moving(number), None", "as pts of frame 0: expected a whole number of ticks"),
        ("moving(number), [1, 2]", "from frame 0 on, 1 frames with 2 times"),
        ("moving(number), 5", "as pts of frame 1: 5, which is not after 5 of the frame before"),
        ("moving(number), -number", "as pts of frame 1: -1, which is not after 0 of the frame before"),
    ],
)
def test_times_that_are_wrong(tmp_path, script, yielded, said):
    path = script(TIMED.replace("moving(number), TIMES[number]", yielded), "make.py")
    assert f"make.py: make yielded, {said}" in refused(tmp_path / "out.mp4", FAILED, path)
    checked = program("script", "check", path, *PYTHON)
    assert (checked.code, said in checked.err) == (FAILED, True)


def test_times_that_nobody_declared(tmp_path, script):
    path = script(TIMED.replace(', time_base="1/1000"', ""), "make.py")
    assert "found a pair; frames come at the frame_rate" in refused(tmp_path / "out.mp4", FAILED, path)
    path = script(TIMED.replace('"1/1000"', '"soon"'), "make.py")
    assert "@generator's time_base: expected a number" in refused(tmp_path / "out.mp4", BAD_INPUT, path)


def test_times_and_a_kill(tmp_path, script):
    text = TIMED.replace("TIMES = [0, 3, 4, 100, 101, 250]", "TIMES = [n * 40 + n % 7 for n in range(110)]")
    slow = "import os, time\n" + text.replace("range(start, 6)", "range(start, 110)").replace(
        "        yield", "        time.sleep(float(os.environ.get('WAIT', 0)))\n        yield"
    )
    make, whole, output = script(slow, "make.py"), tmp_path / "whole.mp4", tmp_path / "out.mp4"
    run(whole, make)
    assert ticks(whole) == [n * 40 + n % 7 for n in range(110)]
    killed(words(output, make), lambda: finished_segments(output) >= 2, WAIT="0.02")
    run(output, make)
    assert output.read_bytes() == whole.read_bytes()
