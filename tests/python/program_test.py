"""`python -m millrace` is the program `millrace`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from tools import PROGRAM, ROOT, leftovers, packet_fingerprint

SAMPLE = ROOT / "samples/bbb.mp4"
PACKAGE = [sys.executable, "-m", "millrace"]


def both(*words, **options):
    """What the C++ program and the package's do: exit code, standard output, standard error."""
    runs = [[str(PROGRAM)], PACKAGE]
    ended = [subprocess.run([*run, *map(str, words)], capture_output=True, timeout=60, **options) for run in runs]
    return [(end.returncode, end.stdout, end.stderr) for end in ended]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, ["--version"]),
        (0, []),
        (0, ["run", "--help-all"]),
        (0, ["probe", SAMPLE]),
        (0, ["probe", SAMPLE, "--json"]),
        (0, ["model", "show", ROOT / "models/upscale2x.onnx"]),
        (2, ["run", "-i", "a", "-o", "b", "-prest", "fast"]),
        (2, ["run", "-i", "a", "--json"]),
        (3, ["run", "-i", "none.mp4", "-o", "out.mp4", "--json"]),
    ],
)
def test_the_same_words(tmp_path, code, words):
    programs, packages = both(*words, cwd=tmp_path)
    assert packages == programs
    assert programs[0] == code


def test_a_reader_that_leaves():
    for run in ([str(PROGRAM)], PACKAGE):
        line = f"{subprocess.list2cmdline(run)} run --help-all | true; echo ${{PIPESTATUS[0]}}"
        ended = subprocess.run(["bash", "-c", line], capture_output=True, text=True)
        assert ended.stdout.strip() in {"0", "141"}, ended.stderr
        assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals(film, tmp_path, how, code):
    output, journal = tmp_path / "out.mp4", tmp_path / "out.mp4.millrace/journal"
    settings = ["-preset", "ultrafast", "--segment-length", "0.5", "--lanes", "1"]
    line = [*PACKAGE, "run", "-i", str(film), *settings, "-o"]
    process = subprocess.Popen([*line, str(output)], stderr=subprocess.PIPE, text=True)
    while process.poll() is None and (not journal.exists() or journal.read_bytes().count(b"\n") < 3):
        time.sleep(0.002)
    assert process.poll() is None, process.stderr.read()
    process.send_signal(how)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert "same command" in err
    assert "Traceback" not in err
    subprocess.run([*line, str(output)], check=True, capture_output=True)
    other = tmp_path / "other.mp4"
    subprocess.run([str(PROGRAM), *line[len(PACKAGE) :], str(other)], check=True, capture_output=True)
    assert packet_fingerprint(output) == packet_fingerprint(other)
    assert leftovers(tmp_path) == ["other.mp4", "out.mp4"]


def test_the_interpreters_own_runtime_is_taken():
    from millrace import _runtime

    assert "onnxruntime" in _runtime.own_library()
    environment = {**os.environ, _runtime.VARIABLE: "/none/libonnxruntime.so"}
    ended = subprocess.run(
        [*PACKAGE, "model", "show", ROOT / "models/upscale2x.onnx"], capture_output=True, text=True, env=environment
    )
    assert ended.returncode == 1
    assert "/none/libonnxruntime.so" in ended.stderr
