"""Scripts behind a generator: what they are handed, what becomes of it, what is refused."""

from __future__ import annotations

import json

import millrace
import numpy as np
import pytest
from generator_runs import GENERATOR, HALF, MEAN, refused, run, words
from tools import BAD_INPUT, FAILED, REFUSED, USAGE, leftovers, packet_fingerprint
from tools import millrace as program
from writer_frames import EXACT, HEIGHT, QUICK, WIDTH, moving

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


@pytest.fixture
def make(script):
    return script(GENERATOR, "make.py")


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
