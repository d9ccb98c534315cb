"""examples/generate_vae.py, as its first lines say to run it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tools import ROOT, finished_segments, frames_of, hashes, leftovers, packet_fingerprint
from writer_frames import ENVIRONMENT

EXAMPLE = ROOT / "examples" / "generate_vae.py"
SMALL = ["--size", "96x64", "--frames", "50", "--segment-length", "0.5"]
FRAMEWORKS = Path(os.environ.get("MILLRACE_FRAMEWORKS_PYTHON", ROOT / ".deps/frameworks/bin/python"))


def generate(output, *words, python=sys.executable):
    command = [python, EXAMPLE, output, *SMALL, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=ENVIRONMENT)


def test_with_numpy(tmp_path):
    done = generate(tmp_path / "out.mp4", "--library", "numpy")
    assert done.returncode == 0, done.stderr
    assert "out.mp4: 50 frames" in done.stdout
    assert len(set(hashes(frames_of(tmp_path / "out.mp4")))) == 50


def test_killed_and_run_again(tmp_path):
    assert generate(tmp_path / "whole.mp4", "--library", "numpy", "--frames", "1500").returncode == 0
    command = [sys.executable, EXAMPLE, tmp_path / "out.mp4", *SMALL, "--library", "numpy", "--frames", "1500"]
    process = subprocess.Popen(command, env=ENVIRONMENT)
    while finished_segments(tmp_path / "out.mp4") < 2:
        assert process.poll() is None
        time.sleep(0.002)
    process.kill()
    process.wait()
    assert leftovers(tmp_path) == ["out.mp4.millrace", "whole.mp4"]
    done = generate(tmp_path / "out.mp4", "--library", "numpy", "--frames", "1500")
    assert done.returncode == 0, done.stderr
    assert packet_fingerprint(tmp_path / "out.mp4") == packet_fingerprint(tmp_path / "whole.mp4")


@pytest.mark.skipif(not FRAMEWORKS.exists(), reason="no torch here: scripts/setup --frameworks")
def test_with_torch_on_the_cpu(tmp_path):
    done = generate(tmp_path / "out.mp4", "--library", "torch", "--device", "cpu", "--width", "8", python=FRAMEWORKS)
    assert done.returncode == 0, done.stderr
    frames = hashes(frames_of(tmp_path / "out.mp4"))
    assert (len(frames), len(set(frames)) > 25) == (50, True)
