"""Runs with a script, of the program that is built."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from tools import command_of, ffmpeg, millrace

PYTHON = ["--python", sys.executable]
SHORT = ["--segment-length", "0.5"]
# Batches are full but at the ends of segments, however slow the machine.
FULL = ["--batch-timeout", "600"]
LOSSLESS = ["-c:v", "ffv1"]


def processor(body, arguments="batch=4"):
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    head = f"import os, sys, time\nfrom millrace import processor\n\n@processor({arguments})\ndef work(batch):\n"
    return f"{head}{lines}\n"


def words(film, output, script, *options):
    return ["run", "-i", film, "-o", output, "--script", script, *PYTHON, *SHORT, *FULL, *options]


def run(film, output, script, *options):
    ended = millrace(*words(film, output, script, *options))
    assert ended.code == 0, ended
    return ended


def refused(film, output, script, code, *options):
    ended = millrace(*words(film, output, script, *options))
    assert ended.code == code, ended
    return ended.err


def raw(path):
    return ffmpeg("-i", path, "-f", "rawvideo", "-pix_fmt", "yuv420p", "-")


def killed(command, ready, **environment):
    """Starts a run, and kills it and its processes once `ready()`."""
    process = subprocess.Popen(
        command_of(*command), env={**os.environ, **environment}, stderr=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
