"""Runs with a script: what comes out, and what is said and kept when the script or its process fails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from script_runs import LOSSLESS, processor, raw, refused, run, words
from tools import (
    BAD_INPUT,
    FAILED,
    USAGE,
    command_of,
    finished_segments,
    leftovers,
    millrace,
    packet_fingerprint,
    packets_of,
    times,
)

FRAMES = 200  # of the film
SAME = """
from millrace import processor

@processor(batch=4)
def same(batch):
    return batch.numpy()
"""


def test_what_a_processor_makes_is_encoded(film, script, tmp_path):
    output = tmp_path / "out.mkv"
    run(film, output, script(processor("return batch.numpy() * 0")), *LOSSLESS)
    picture = bytes([16]) * (320 * 180) + bytes([128]) * (320 * 180 // 2)  # black, BT.601 limited range
    assert raw(output) == picture * FRAMES
    assert sorted(times(packets_of(output, "v"))) == sorted(times(packets_of(film, "v")))


def test_parameters_and_a_scale_reach_it(film, script, tmp_path):
    text = """
from millrace import processor

@processor(batch=3, scale=2)
class Grow:
    def __init__(self, *, white: bool = False):
        self.white = white
    def setup(self, info):
        assert (info.width, info.height, info.device, info.batch) == (320, 180, "cpu", 3)
    def __call__(self, batch):
        return (batch.numpy() * 0 + self.white).repeat(2, axis=2).repeat(2, axis=3)
"""
    output = tmp_path / "out.mkv"
    run(film, output, script(text), *LOSSLESS, "--set", "white=yes", "--frames", "5")
    assert raw(output) == (bytes([235]) * (640 * 360) + bytes([128]) * (640 * 360 // 2)) * 5


def test_an_analyser_says_something_of_every_frame(film, script, tmp_path):
    text = """
from millrace import analyser

@analyser(batch=7, size=(64, 36), layout="nhwc")
def say(batch):
    assert batch.numpy().shape[1:] == (36, 64, 3)
    return [{"index": i, "pts": p, "seconds": s} for i, p, s in zip(batch.indices, batch.pts, batch.seconds)]
"""
    output = tmp_path / "out.jsonl"
    run(film, output, script(text))
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    assert [line["frame"] for line in lines] == list(range(FRAMES))
    for line in lines:
        assert line["result"] == {"index": line["frame"], "pts": line["pts"], "seconds": line["seconds"]}
    assert [line["seconds"] for line in lines] == pytest.approx(sorted(map(float, times(packets_of(film, "v")))))


def test_several_workers_make_the_same_packets(film, script, tmp_path):
    outputs = [tmp_path / "one.mp4", tmp_path / "three.mp4"]
    run(film, outputs[0], script(SAME))
    run(film, outputs[1], script(SAME), "--script-workers", "3")
    assert packet_fingerprint(outputs[0]) == packet_fingerprint(outputs[1])


def test_a_sequential_script_keeps_what_it_knows(film, script, tmp_path):
    text = """
from millrace import analyser

@analyser(order="sequential")
class Count:
    seen = 0
    def __call__(self, batch):
        self.seen += len(batch)
        return [self.seen]
"""
    output = tmp_path / "out.jsonl"
    run(film, output, script(text))
    assert [json.loads(line)["result"] for line in output.read_text().splitlines()] == list(range(1, FRAMES + 1))
    assert "sequential" in refused(film, tmp_path / "two.jsonl", script(text), USAGE, "--script-workers", "2")


def children_of(process):
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(child) for child in children.split()]


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGINT, "worker"])
def test_what_is_finished_outlives_a_kill(film, script, tmp_path, kill):
    slow = script(processor("time.sleep(0.05)\nreturn batch.numpy()"))
    output, whole = tmp_path / "out.mp4", tmp_path / "whole.mp4"
    run(film, whole, slow)
    process = subprocess.Popen(command_of(*words(film, output, slow)), stderr=subprocess.PIPE, text=True)
    wait_until(lambda: finished_segments(output) >= 2)
    workers = children_of(process)
    assert len(workers) == 1
    if kill == "worker":
        os.kill(workers[0], signal.SIGKILL)
    else:
        process.send_signal(kill)
    _, err = process.communicate(timeout=60)
    assert process.returncode == {signal.SIGKILL: -9, signal.SIGINT: 130, "worker": FAILED}[kill], err
    if kill == "worker":
        assert "was killed by signal 9; run the same command to continue" in err
    wait_until(lambda: not any(map(is_alive, workers)))
    kept = finished_segments(output)
    assert kept >= 2
    report = tmp_path / "report.json"
    run(film, output, slow, "--report", report)
    assert json.loads(report.read_text())["segments"]["reused"] == kept
    assert packet_fingerprint(output) == packet_fingerprint(whole)


def test_an_exception_shows_its_line_and_loses_nothing(film, script, tmp_path):
    output = tmp_path / "out.mp4"
    bad = script(processor("if 100 in batch.indices:\n    raise ValueError('no such frame')\nreturn batch.numpy()"))
    err = refused(film, output, bad, FAILED, "--lanes", "1")
    assert "script.py, line 7" in err
    assert "ValueError: no such frame (frames 100 to 103)" in err
    kept = finished_segments(output)
    assert f"; {kept} finished segments lie in {output}.millrace, and the same command goes on from there; " in err
    assert "; with a changed script --restart begins anew" in err
    assert "ValueError: no such frame" in err
    assert finished_segments(output) >= 2


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("sys.exit(5)", "SystemExit"),
        ("os._exit(7)", "ended with exit code 7"),
        ("os.kill(os.getpid(), 11)", "was killed by signal 11"),
        ("return batch.numpy()[:, :, 1:]", "expected float32 [4, 3, 180, 320], found float32 [4, 3, 179, 320]"),
        ("return batch.numpy().astype('uint8')", "found uint8 [4, 3, 180, 320]"),
        ("return batch.numpy()[1:]", "found float32 [3, 3, 180, 320]"),
        ("return None", "found NoneType"),
        ("return batch.numpy()[0]", "without the batch's dimension: return array[None], or a list"),
    ],
)
def test_whatever_a_script_does_is_said(film, script, tmp_path, body, said):
    assert said in refused(film, tmp_path / "out.mp4", script(processor(body)), FAILED)


def test_a_script_that_hangs_is_ended(film, script, tmp_path):
    hanging = script(processor("time.sleep(600)\nreturn batch.numpy()"))
    err = refused(film, tmp_path / "out.mp4", hanging, FAILED, "--script-timeout", "1")
    assert "longer than --script-timeout 1" in err


@pytest.mark.parametrize(
    ("body", "options"),
    [
        ("time.sleep(600)", ["--script-timeout", "5"]),
        ("os._exit(7)", []),
        ("os.kill(os.getpid(), 11)", []),
        ("kept.append(batch.numpy())", []),
        ("batch.numpy()[:] = 0\n    return batch.numpy()[1:]", []),
        ("os.fork()\n    raise ValueError", []),
    ],
)
def test_whatever_it_does_what_was_finished_before_stays(film, script, tmp_path, body, options):
    """From frame 100 on; once that is mended the same command goes on, to the same file."""
    mended, output, whole = tmp_path / "mended", tmp_path / "out.mp4", tmp_path / "whole.mp4"
    when = f"if batch.indices[-1] >= 100 and not os.path.exists({str(mended)!r}):\n    {body}\nreturn batch.numpy()"
    bad = script("kept = []\n" + processor(when))
    refused(film, output, bad, FAILED, "--lanes", "1", *options)
    kept = finished_segments(output)
    assert kept >= 2
    mended.touch()
    report = tmp_path / "report.json"
    run(film, output, bad, *options, "--report", report)
    assert json.loads(report.read_text())["segments"]["reused"] == kept
    run(film, whole, script(SAME, "same.py"))
    assert packet_fingerprint(output) == packet_fingerprint(whole)


def test_what_a_script_prints_is_no_part_of_the_output(film, script, tmp_path):
    loud = script(processor("print('x' * 100000)\nsys.stdout.flush()\nreturn batch.numpy()"))
    quiet = script(SAME, "quiet.py")
    outputs = [millrace(*words(film, "-", each, "-f", "matroska", "--frames", "8")).out for each in (loud, quiet)]
    paths = [tmp_path / "loud.mkv", tmp_path / "quiet.mkv"]
    for path, output in zip(paths, outputs, strict=True):
        path.write_bytes(output)
    assert packet_fingerprint(paths[0]) == packet_fingerprint(paths[1])


def test_a_script_may_fork(film, script, tmp_path):
    body = "child = os.fork()\nif child == 0: os._exit(0)\nos.waitpid(child, 0)\nreturn batch.numpy()"
    outputs = [tmp_path / "forked.mp4", tmp_path / "plain.mp4"]
    run(film, outputs[0], script(processor(body)))
    run(film, outputs[1], script(SAME, "same.py"))
    assert packet_fingerprint(outputs[0]) == packet_fingerprint(outputs[1])


def test_frames_are_nothing_to_a_forked_process(film, script, tmp_path):
    body = """child = os.fork()
if child == 0:
    try:
        batch.numpy()
    except RuntimeError as error:
        os._exit(5 if "forked" in str(error) else 1)
    os._exit(2)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5
return batch.numpy()"""
    run(film, tmp_path / "out.mp4", script(processor(body)), "--frames", "8")


def test_a_script_that_does_not_hear_of_ctrl_c_is_killed(film, script, tmp_path):
    """Five seconds later; its own children, too."""
    output = tmp_path / "out.mp4"
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN); child = subprocess.Popen(['sleep', '600']); time.sleep(600)"
    when = f"if batch.indices[-1] >= 100:\n    {deaf}\nreturn batch.numpy()"
    bad = script("import signal, subprocess\n" + processor(when))
    process = subprocess.Popen(
        command_of(*words(film, output, bad, "--lanes", "1")), stderr=subprocess.PIPE, text=True, stdin=subprocess.PIPE
    )
    wait_until(lambda: finished_segments(output) >= 2)
    (worker,) = children_of(process)
    tasks = Path(f"/proc/{worker}/task/{worker}/children")
    wait_until(tasks.read_text)
    (sleeper,) = map(int, tasks.read_text().split())
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    wait_until(lambda: not is_alive(worker) and not is_alive(sleeper))
    assert f"{finished_segments(output)} finished segments lie in {output}.millrace" in err


def test_a_script_may_keep_a_batch_and_write_to_its_input(film, script, tmp_path):
    body = "kept[:] = [batch.tensor]\nframes = batch.numpy()\nframes[:] = 0\nreturn frames"
    output = tmp_path / "out.mkv"
    run(film, output, script("kept = []\n" + processor(body)), *LOSSLESS)
    assert raw(output)[: 320 * 180] == bytes([16]) * (320 * 180)


def test_a_script_that_keeps_every_frame_is_told(film, script, tmp_path):
    body = "kept.append(batch.numpy())\nreturn batch.numpy()"
    err = refused(film, tmp_path / "out.mp4", script("kept = []\n" + processor(body)), FAILED)
    assert "keeps the memory of 2 batches" in err


def test_what_is_wrong_before_the_first_frame_leaves_nothing(film, script, tmp_path):
    output = tmp_path / "out.mp4"
    assert "no-such.py" in refused(film, output, tmp_path / "no-such.py", BAD_INPUT)
    assert "SyntaxError" in refused(film, output, script("def ("), BAD_INPUT)
    assert "marked with @processor" in refused(film, output, script("x = 1"), BAD_INPUT)
    assert "gain" in refused(film, output, script(SAME), USAGE, "--set", "gain=2")
    assert leftovers(tmp_path / "none") == [] if (tmp_path / "none").exists() else not output.exists()


def test_an_interpreter_without_the_package_is_told_how_to_get_it(film, script, tmp_path):
    alone = tmp_path / "alone"
    alone.write_text(f'#!/bin/sh\nexec {sys.executable} -I "$@"\n')
    alone.chmod(0o755)
    ended = millrace("run", "-i", film, "-o", tmp_path / "out.mp4", "--script", script(SAME), "--python", alone)
    assert ended.code == USAGE, ended
    assert f"in Millrace's repository: {alone} -m pip install . (docs/python.md)" in ended.err
    missing = tmp_path / "missing"
    ended = millrace("run", "-i", film, "-o", tmp_path / "out.mp4", "--script", script(SAME), "--python", missing)
    assert ended.code == USAGE, ended
    assert "missing could not be started" in ended.err


def test_a_script_that_changed(film, script, tmp_path):
    """What it finished is not thrown away unasked; where that is nothing, it is in nobody's way."""
    output = tmp_path / "out.mp4"
    refused(film, output, script(processor("raise ValueError")), FAILED)
    assert Path(f"{output}.millrace").exists()
    run(film, output, script(SAME))
    output.unlink()
    refused(film, output, script(processor("if 100 in batch.indices: raise ValueError\nreturn batch.numpy()")), FAILED)
    assert finished_segments(output) >= 1
    err = refused(film, output, script(SAME), USAGE)
    assert "holds the unfinished work of another command (the script changed); give the same command" in err
    run(film, output, script(SAME), "--restart")


def test_an_output_of_the_other_kind(film, script, tmp_path):
    err = refused(film, tmp_path / "out.jsonl", script(SAME), USAGE)
    assert "lines of JSON come from an analyser, and the script " in err
    assert "script.py gives pictures; name a video file, or mark the script with @analyser" in err
    say = script("from millrace import analyser\n@analyser\ndef say(batch):\n    return [0] * len(batch)\n", "say.py")
    err = refused(film, tmp_path / "out.mp4", say, USAGE)
    assert "say.py is an analyser, which gives data, one line of JSON a frame; name a file that ends in .jsonl" in err


def test_what_would_move_it_is_a_scripts_option(film, script, tmp_path):
    """The film is one segment."""
    slow = script(processor("time.sleep(1)\nreturn batch.numpy()"))
    report = tmp_path / "report.json"
    run(film, tmp_path / "out.mp4", slow, "--frames", "20", "--report", report)
    verdict = json.loads(report.read_text())["verdict"]
    assert "a faster script, --batch, or --script-workers with shorter segments (--segment-length)" in verdict


def test_a_pipe_is_refused(film, script, tmp_path):
    ended = millrace(*words("-", tmp_path / "out.mp4", script(SAME)), stdin=film.read_bytes())
    assert ended.code == USAGE, ended
    assert "save it to a file" in ended.err


def test_a_script_is_ended_as_it_was_begun(film, script, tmp_path):
    text = """
from millrace import analyser

@analyser
class Note:
    def setup(self, info):
        self.notes = ["setup"]
    def __call__(self, batch):
        self.notes[1:] = ["called"]
        return [0] * len(batch)
    def flush(self):
        self.notes.append("flush")
    def close(self):
        raise ValueError(" ".join([*self.notes, "close"]))
"""
    output = tmp_path / "out.jsonl"
    err = refused(film, output, script(text), FAILED)
    assert "line 14: ValueError: setup called flush close" in err
    assert finished_segments(output) == 9, "all segments"


def test_libraries_are_told_to_leave_the_gpus_memory_to_others(film, script, tmp_path, monkeypatch):
    names = ["XLA_PYTHON_CLIENT_PREALLOCATE", "TF_FORCE_GPU_ALLOW_GROWTH"]
    monkeypatch.delenv(names[0], raising=False)
    monkeypatch.setenv(names[1], "mine")
    body = f"return [[at_import, [os.environ.get(name) for name in {names}]]] * len(batch)"
    head = f"import os\nfrom millrace import analyser\nat_import = [os.environ.get(name) for name in {names}]\n"
    output = tmp_path / "out.jsonl"
    run(film, output, script(f"{head}@analyser\ndef say(batch):\n    {body}\n"), "--frames", "2")
    lines = [json.loads(line)["result"] for line in output.read_text().splitlines()]
    assert lines == [[["false", "mine"]] * 2] * 2
