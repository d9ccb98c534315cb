"""The examples that run on a GPU, against their formulas in numpy, on frames that ffmpeg decoded.

Run where a GPU is, as script_test.py: with an interpreter that has torch and cupy (MILLRACE_SCRIPT_PYTHON, else this
one).
"""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest
from tools import FFV1, ROOT, ffmpeg, run_job

PYTHON = os.environ.get("MILLRACE_SCRIPT_PYTHON", sys.executable)
SCRIPTS = ROOT / "examples/scripts"
FRAMES, HEIGHT, WIDTH = 11, 90, 160  # no multiple of any example's batch
RGB = [*FFV1, "-pix_fmt", "gbrp"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """In RGB without loss, so that a code of 255 is 1."""
    path = tmp_path_factory.mktemp("clip") / "clip.mkv"
    ffmpeg("-i", ROOT / "samples/bbb.mp4", "-vf", f"scale={WIDTH}:{HEIGHT}", "-frames:v", FRAMES, "-an", *RGB, path)
    return path


def codes_of(path):
    raw = ffmpeg("-i", path, "-vsync", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    return np.frombuffer(raw, np.uint8).reshape(-1, HEIGHT, WIDTH, 3)


def ran(clip, script, tmp_path, *options):
    output = tmp_path / "out.mkv"
    run_job(clip, output, "--device", "cuda", "--script", SCRIPTS / script, "--python", PYTHON, *RGB, *options)
    return codes_of(output).astype(np.int64)


def assert_codes(found, expected):
    codes = np.rint(np.clip(expected, 0, 1) * 255).astype(np.int64)
    assert found.shape == codes.shape
    assert np.abs(found - codes).max() <= 1
    assert (found != codes).mean() < 1e-3


def test_cupy(clip, tmp_path):
    """The kernel's hash, in numpy's unsigned numbers."""
    pixels = np.arange(HEIGHT * WIDTH, dtype=np.uint32).reshape(1, HEIGHT, WIDTH)
    frames = np.arange(FRAMES, dtype=np.uint32).reshape(-1, 1, 1)
    state = pixels * np.uint32(2654435761) ^ frames * np.uint32(2246822519)
    state = (state ^ state >> np.uint32(16)) * np.uint32(0x7FEB352D)
    state = (state ^ state >> np.uint32(15)) * np.uint32(0x846CA68B)
    noise = (state ^ state >> np.uint32(16)) * 2.0**-32 - 0.5
    expected = codes_of(clip) / 255 + 0.2 * noise[..., None]
    assert_codes(ran(clip, "cupy_grain.py", tmp_path, "--set", "amount=0.2"), expected)


def test_torch(clip, tmp_path):
    frames = codes_of(clip) / 255
    padded = np.pad(frames, ((0, 0), (2, 2), (2, 2), (0, 0)), "edge")
    weights = np.outer(*2 * [np.array([1, 4, 6, 4, 1]) / 16])
    blurred = sum(weights[y, x] * padded[:, y : y + HEIGHT, x : x + WIDTH] for y in range(5) for x in range(5))
    found = ran(clip, "torch_enhance.py", tmp_path, "--set", "amount=1.5")
    assert_codes(found, frames + 1.5 * (frames - blurred))
