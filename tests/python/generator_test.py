"""Scripts that make frames: what is encoded, how far a restart goes back, and what is said when one fails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import millrace
import pytest
from tools import (
    BAD_INPUT,
    FAILED,
    REFUSED,
    ROOT,
    USAGE,
    command_of,
    finished_segments,
    frames_of,
    leftovers,
    packet_fingerprint,
)
from tools import millrace as program
from writer_frames import HEIGHT, QUICK, WIDTH, moving, write

PYTHON = ["--python", sys.executable]
FOLDER = str(Path(__file__).parent)
HEAD = f"""
import os, sys, time
import numpy as np
sys.path.insert(0, {FOLDER!r})
from writer_frames import moving
from millrace import generator
"""
DECLARED = f"size=({WIDTH}, {HEIGHT}), frame_rate=25"
FRAMES = 110  # five segments of a second; as many as the fixture whole_writing has


@pytest.fixture
def script(tmp_path):
    """Writes a script of one function, which yields `moving(number)` unless its loop does something else."""

    def write_it(body="yield moving(number)", declared="", arguments="", count=FRAMES):
        lines = "\n".join(f"        {line}" for line in body.splitlines())
        path = tmp_path / "gen.py"
        path.write_text(
            f"{HEAD}\n@generator({DECLARED}{declared})\ndef make({arguments}):\n"
            f"    for number in range({'start, ' if 'start' in arguments else ''}{count}):\n{lines}\n"
        )
        return path

    return write_it


def words(output, script, *options):
    quick = ["-preset", "veryfast", "--segment-length", "1"]
    return ["run", "-o", output, "--script", script, *PYTHON, *quick, *options]


def run(output, script, *options):
    ended = program(*words(output, script, *options))
    assert ended.code == 0, ended
    return ended


def refused(output, script, code, *options):
    ended = program(*words(output, script, *options))
    assert ended.code == code, ended
    return ended.err


def test_the_same_frames_as_through_a_writer(script, tmp_path, whole_writing):
    output, report = tmp_path / "out.mp4", tmp_path / "report.json"
    run(output, script(), "--report", report)
    assert packet_fingerprint(output) == packet_fingerprint(whole_writing)
    said = json.loads(report.read_text())
    assert said["script"]["kind"] == "generator"
    assert said["script"]["calls"] == FRAMES + 5  # setup, the call, the end of the loop, flush, close
    assert said["script"]["python_seconds"] > 0
    assert (said["input"], said["size_out"]) == ("", [WIDTH, HEIGHT])
    assert [said["frames"][key] for key in ("expected", "processed", "encoded", "muxed")] == [-1, *[FRAMES] * 3]
    model = next(stage for stage in said["stages"] if stage["name"] == "model")
    assert model["frames"] == FRAMES
    assert sorted(leftovers(tmp_path)) == ["gen.py", "out.mp4", "report.json"]


def test_batches_and_a_class(tmp_path, whole_writing):
    path = tmp_path / "gen.py"
    path.write_text(f"""{HEAD}
@generator({DECLARED}, dtype="float32", frames="count")
class Make:
    def __init__(self, *, count: int):
        self.count = count
    def setup(self, info):
        assert (info.width, info.height, info.device, info.batch) == ({WIDTH}, {HEIGHT}, "cpu", 1)
        self.said = []
    def __call__(self):
        for number in range(0, self.count, 4):
            yield np.stack([moving(n) for n in range(number, min(number + 4, self.count))])
    def flush(self):
        self.said.append("flush")
    def close(self):
        assert self.said == ["flush"]
""")
    seen = []
    report = millrace.run(None, tmp_path / "out.mp4", script=path, set={"count": FRAMES}, progress=seen.append, **QUICK)
    assert packet_fingerprint(tmp_path / "out.mp4") == packet_fingerprint(whole_writing)
    assert report.frames.muxed == report.frames.expected == FRAMES
    assert report.script.kind == "generator"
    assert {now.frames_total for now in seen if now.phase == "running"} <= {FRAMES}
    assert seen[-1].phase == "done"


def test_bytes_with_the_channels_last(tmp_path, script):
    body = "yield (moving(number).clip(0, 1) * 255).astype('uint8').transpose(1, 2, 0)"
    run(tmp_path / "out.mp4", script(body, ", dtype='uint8', layout='nhwc'", count=30))
    with millrace.Writer(
        tmp_path / "writer.mp4", width=WIDTH, height=HEIGHT, frame_rate=25, dtype="uint8", layout="nhwc", **QUICK
    ) as writer:
        for number in range(30):
            writer.write((moving(number).clip(0, 1) * 255).astype("uint8").transpose(1, 2, 0))
    assert packet_fingerprint(tmp_path / "out.mp4") == packet_fingerprint(tmp_path / "writer.mp4")


def test_frames_ends_one_that_never_does(tmp_path, script):
    endless = script("yield moving(number)", count=10**9)
    run(tmp_path / "out.mp4", endless, "--frames", "30")
    write(tmp_path / "writer.mp4", range(30))
    assert packet_fingerprint(tmp_path / "out.mp4") == packet_fingerprint(tmp_path / "writer.mp4")


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGINT, "worker"])
@pytest.mark.parametrize("arguments", ["", "*, start: int = 0"])
def test_what_is_finished_outlives_a_kill(tmp_path, script, whole_writing, kill, arguments):
    """The second run is given the frames that are missing, or all of them again."""
    output, log = tmp_path / "out.mp4", tmp_path / "log"
    body = f"""open({str(log)!r}, "a").write(f"{{number}}\\n")
while number == 100 and not os.path.exists({str(tmp_path / "go")!r}):
    time.sleep(0.02)
yield moving(number)"""
    path = script(body, arguments=arguments)
    process = subprocess.Popen(command_of(*words(output, path)), stderr=subprocess.PIPE, text=True)
    wait_until(lambda: finished_segments(output) >= 2)
    (worker,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    if kill == "worker":
        os.kill(int(worker), signal.SIGKILL)
    else:
        process.send_signal(kill)
    _, err = process.communicate(timeout=60)
    assert process.returncode == {signal.SIGKILL: -9, signal.SIGINT: 130, "worker": FAILED}[kill], err
    wait_until(lambda: not is_alive(int(worker)))
    kept = finished_segments(output)
    assert kept >= 2
    if kill != signal.SIGKILL:
        assert f"{kept} finished segments lie in {output}.millrace" in err
    log.write_text("")
    (tmp_path / "go").touch()
    report = tmp_path / "report.json"
    run(output, path, "--report", report)
    assert packet_fingerprint(output) == packet_fingerprint(whole_writing)
    said = json.loads(report.read_text())
    assert said["segments"]["reused"] == kept
    assert [said["frames"][key] for key in ("processed", "encoded", "muxed")] == [FRAMES] * 3
    made = [int(line) for line in log.read_text().split()]
    first = made[0]
    assert made == list(range(first, FRAMES))
    assert first == 0 if not arguments else 25 <= first <= 25 * kept
    assert not Path(f"{output}.millrace").exists()


def test_an_exception_shows_its_line_and_loses_nothing(tmp_path, script, whole_writing):
    output = tmp_path / "out.mp4"
    marker = tmp_path / "mended"
    body = f"""while number == 100 and len(os.listdir({str(output) + ".millrace"!r})) < 3:
    time.sleep(0.02)
if number == 100 and not os.path.exists({str(marker)!r}):
    time.sleep(0.5)
    raise ValueError("no such frame")
yield moving(number)"""
    path = script(body)
    err = refused(output, path, FAILED, "--lanes", "1")
    assert "gen.py, line 15: ValueError: no such frame (frame 100)" in err
    kept = finished_segments(output)
    assert kept >= 1
    assert f"in {output}.millrace, and the same command goes on from there" in err
    assert not output.exists()
    marker.touch()
    run(output, path)
    assert packet_fingerprint(output) == packet_fingerprint(whole_writing)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("yield moving(number)[:, 1:]", "yielded, as frame 0: expected float32 [3, 64, 96] or [n, 3, 64, 96], found"),
        ("yield moving(number).transpose(1, 2, 0)", "is its layout the one that the decorator declares?"),
        ("yield moving(number).astype('uint8')", "found uint8 [3, 64, 96]; convert it to float32"),
        ("yield [moving(number)]", "found list; yield arrays; of several frames numpy.stack makes one"),
        ("yield None", "found NoneType"),
        ("if number < 0: yield", "make yielded no frame; a video has at least one"),
        ("return moving(0)\nyield", "make yielded no frame"),
        ("sys.exit(5)\nyield", "SystemExit: 5 (frame 0)"),
        ("os._exit(7)\nyield", "ended with exit code 7"),
        ("os.kill(os.getpid(), 11)\nyield", "was killed by signal 11"),
        ("yield moving(number)\nif number == 9: break", "declares 110 frames and yielded 10"),
        ("yield moving(number)\nyield moving(number)", "declares 110 frames and yielded 111"),
    ],
)
def test_whatever_a_script_does_is_said(tmp_path, script, body, said):
    output = tmp_path / "out.mp4"
    assert said in refused(output, script(body, f", frames={FRAMES}"), FAILED)
    assert not output.exists()


def test_one_that_returns_frames_is_told_to_yield(tmp_path):
    path = tmp_path / "gen.py"
    path.write_text(f"{HEAD}\n@generator({DECLARED})\ndef make():\n    return moving(0)\n")
    err = refused(tmp_path / "out.mp4", path, FAILED)
    assert "gen.py: make returned float32 [3, 64, 96]; frames are yielded, one after the other" in err


def test_one_that_hangs_is_ended(tmp_path, script):
    hanging = script("if number == 5: time.sleep(600)\nyield moving(number)")
    err = refused(tmp_path / "out.mp4", hanging, FAILED, "--script-timeout", "1")
    assert "longer than --script-timeout 1" in err


def test_a_script_that_changed_is_another_job(tmp_path, script):
    output = tmp_path / "out.mp4"
    fails = "if number == 100:\n    time.sleep(1)\n    raise ValueError\nyield moving(number)"
    refused(output, script(fails), FAILED, "--lanes", "1")
    assert finished_segments(output) >= 1
    err = refused(output, script(), USAGE)
    assert "holds the unfinished work of another command (the script changed); give the same command" in err
    run(output, script(), "--restart")


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ("", "@generator has no size"),
        ("size=(96, 64)", "@generator has no frame_rate"),
        ("size=96, frame_rate=25", "@generator's size: expected two numbers (width, height), found 96"),
        ("size=(96, 0), frame_rate=25", "@generator's height: expected a whole number"),
        ("size=(96, 64), frame_rate=0", "@generator's frame_rate: expected"),
        ("size=(96, 64), frame_rate=25, color='rbg'", "@generator's color: expected rgb, bgr, luma, found 'rbg'"),
        (
            "size=(96, 64), frame_rate=25, batch=4",
            "@generator has no argument batch; it has size, frame_rate, time_base",
        ),
        ("size=(96, 64), frame_rate=25, frames=0", "@generator's frames: expected a whole number from 1"),
        ("size=(96, 64), frame_rate=25, frames='n'", "@generator's frames: no parameter is called 'n'"),
    ],
)
def test_what_is_declared_wrongly(tmp_path, declared, said):
    path = tmp_path / "gen.py"
    path.write_text(f"from millrace import generator\n@generator({declared})\ndef make():\n    yield 0\n")
    assert said in refused(tmp_path / "out.mp4", path, BAD_INPUT)
    assert leftovers(tmp_path) == ["gen.py"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-i", "film.mp4"], "leave out -i film.mp4"),
        (["-ss", "1"], "leave out -ss"),
        (["-t", "1"], "leave out -t (--frames N ends it after N frames)"),
        (["--script-workers", "2"], "leave out --script-workers 2"),
        (["--batch", "2"], "leave out --batch"),
        (["-an"], "leave out --no-audio"),
        (["--trace", "trace.json"], "leave out --trace"),
        (["-m", "x.onnx"], "-m and --script exclude each other"),
        (["--set", "gain=2"], "no parameter is called gain; it has none"),
        (["--pad"], "--pad: frames are not padded"),
    ],
)
def test_what_means_nothing_for_it_is_refused(tmp_path, script, options, said):
    assert said in refused(tmp_path / "out.mp4", script(), USAGE, *options)
    assert leftovers(tmp_path) == ["gen.py"]


def test_nan_is_counted_and_refused_by_strict(tmp_path, script):
    path = script("yield moving(number) * (float('nan') if number == 3 else 1)", count=5)
    assert "refused by --strict: 18432 NaN values" in refused(tmp_path / "out.mp4", path, REFUSED, "--strict")
    assert not (tmp_path / "out.mp4").exists()
    report = millrace.run(None, tmp_path / "lenient.mp4", script=path)
    assert report.frames.nan_values == 18432
    assert report.fallbacks == ["18432 NaN values of the frames became 0"]


def test_a_video_to_standard_output(tmp_path, script):
    """The same packets as in a file, whole, with nothing left behind."""
    path = script("print('loud')\nyield moving(number)", count=30)
    run(tmp_path / "out.mkv", path)
    folder = tmp_path / "temporary"
    folder.mkdir()
    ended = program(*words("-", path), env={**os.environ, "TMPDIR": str(folder)})
    assert ended.code == 0, ended
    piped = tmp_path / "piped.mkv"
    piped.write_bytes(ended.out)
    assert packet_fingerprint(piped) == packet_fingerprint(tmp_path / "out.mkv")
    assert leftovers(folder) == []
    ended = program(*words("-", script("1 / 0\nyield")), env={**os.environ, "TMPDIR": str(folder)})
    assert (ended.code, ended.out, leftovers(folder)) == (FAILED, b"", [])
    assert "lie in" not in ended.err


def test_outputs_that_are_no_video(tmp_path, script):
    assert "name a video file" in refused(tmp_path / "out.jsonl", script(), USAGE)


def test_other_kinds_want_an_input(tmp_path):
    path = tmp_path / "same.py"
    path.write_text("from millrace import processor\n@processor\ndef same(batch):\n    return batch.numpy()\n")
    err = refused(tmp_path / "out.mp4", path, USAGE)
    assert "of the kind processor, which works on a video; name that with -i FILE" in err
    ended = program("run", "-o", tmp_path / "out.mp4")
    assert ended.code == USAGE
    assert "run needs an input (-i FILE)" in ended.err


def test_the_example(tmp_path):
    example = ROOT / "examples/scripts/numpy_clock.py"
    output = tmp_path / "out.mkv"
    ended = program("run", "-o", output, "--script", example, *PYTHON, "-c:v", "ffv1", "--set", "count=30")
    assert ended.code == 0, ended
    frames = frames_of(output)
    assert len(frames) == 30
    assert len({frame.hash for frame in frames}) == 30


def test_script_check(tmp_path, script):
    checked = program("script", "check", script(), *PYTHON)
    assert checked.code == 0, checked
    out = checked.out.decode()
    assert "generator make\n" in out
    assert "takes       no input" in out
    assert "gave back   float32 [3, 64, 96], values from " in out
    assert "values are below 0 or above 1, and are cut off in the video" in out
    assert "good: 13 yields went as a run's would" in out
    short = program("script", "check", script("yield moving(number)[None]", count=3), *PYTHON, "--json")
    assert json.loads(short.out)["calls"] == 3
    for option, value in (("--size", "64x36"), ("--batch", "4")):
        ended = program("script", "check", script(), *PYTHON, option, value)
        assert ended.code == USAGE
        assert f"leave out {option}" in ended.err
    ended = program("script", "check", script("yield 0"), *PYTHON)
    assert ended.code == FAILED
    assert "yielded, as frame 0: expected float32 [3, 64, 96]" in ended.err
