"""The scripts of examples/ give what their frameworks give, used directly on frames that ffmpeg decoded."""

from __future__ import annotations

import json
import os
import sys

import numpy as np
import pytest
from tools import FFV1, ROOT, ffmpeg, run_job

SCRIPTS = ROOT / "examples/scripts"
SAMPLE = ROOT / "samples/bbb.mp4"
FRAMES, HEIGHT, WIDTH = 11, 90, 160  # no multiple of any example's batch
RGB = [*FFV1, "-pix_fmt", "gbrp"]
# This one, with numpy 1, and the one with numpy 2 and the latest OpenCV and JAX.
LATEST = os.environ.get("MILLRACE_TEST_PYTHON", str(ROOT / ".deps/venv/bin/python"))
both = pytest.mark.parametrize("python", [sys.executable, LATEST], ids=["numpy 1", "numpy 2"])


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """In RGB without loss, so that a code of 255 is 1, and nothing else comes between."""
    path = tmp_path_factory.mktemp("clip") / "clip.mkv"
    ffmpeg("-i", SAMPLE, "-vf", f"scale={WIDTH}:{HEIGHT}", "-frames:v", FRAMES, "-an", *RGB, path)
    return path


def codes_of(path):
    """[frames, height, width, 3], as ffmpeg decodes it."""
    raw = ffmpeg("-i", path, "-vsync", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    return np.frombuffer(raw, np.uint8).reshape(-1, HEIGHT, WIDTH, 3)


def pictures_of(path):
    return codes_of(path).astype(np.float32) / 255


def ran(clip, script, tmp_path, *options, python=sys.executable):
    """The codes of what the script made."""
    output = tmp_path / "out.mkv"
    run_job(clip, output, "--script", SCRIPTS / script, "--python", python, *RGB, *options)
    found = codes_of(output)
    assert len(found) == FRAMES
    return found.astype(np.int64)


def assert_codes(found, expected):
    """To the code, but for values that lie on the border between two."""
    codes = np.rint(np.clip(expected, 0, 1) * 255).astype(np.int64)
    assert np.abs(found - codes).max() <= 1
    assert (found != codes).mean() < 1e-3
    assert (np.abs(codes - codes[:1]).max() > 0) & (np.abs(codes - 128).max() > 50), "pictures that say something"


@both
def test_opencv(clip, tmp_path, python):
    import cv2

    bgr = pictures_of(clip)[..., ::-1]
    expected = [cv2.bilateralFilter(np.ascontiguousarray(frame), 7, 0.2, 3)[..., ::-1] for frame in bgr]
    found = ran(clip, "opencv_denoise.py", tmp_path, "--set", "strength=0.2", "--set", "radius=3", python=python)
    assert_codes(found, np.stack(expected))
    assert np.abs(found - codes_of(clip)).max() > 5, "it does something"


def test_torch(clip, tmp_path):
    import torch
    from torch import nn

    frames = torch.from_numpy(pictures_of(clip).transpose(0, 3, 1, 2).copy())
    binomial = torch.tensor([[1.0, 4, 6, 4, 1]])
    blur = nn.Conv2d(3, 3, 5, padding=2, padding_mode="replicate", groups=3, bias=False)
    blur.weight.data[:] = binomial.T @ binomial / 256
    with torch.no_grad():
        expected = frames + 1.5 * (frames - blur(frames))
    found = ran(clip, "torch_enhance.py", tmp_path, "--set", "amount=1.5")
    assert_codes(found, expected.numpy().transpose(0, 2, 3, 1))
    assert np.abs(found - codes_of(clip)).max() > 5, "it does something"


@both
def test_jax(clip, tmp_path, python):
    y, x = np.meshgrid(np.linspace(-1, 1, HEIGHT), np.linspace(-1, 1, WIDTH), indexing="ij")
    expected = pictures_of(clip) * (1 - 0.8 * (x**2 + y**2) / 2)[..., None]
    assert_codes(ran(clip, "jax_vignette.py", tmp_path, "--set", "strength=0.8", python=python), expected)


def test_tensorflow(clip, tmp_path):
    import tensorflow as tf

    pairs = tf.image.sobel_edges(tf.constant(pictures_of(clip))).numpy()
    assert_codes(ran(clip, "tensorflow_edges.py", tmp_path), np.hypot(pairs[..., 0], pairs[..., 1]))


def test_onnxruntime(tmp_path):
    """Against the engine's own way with the model; the sample has one cut, by those who made the model."""
    by_script, by_model = tmp_path / "script.jsonl", tmp_path / "model.jsonl"
    model = ROOT / "models/shot_change.onnx"
    options = ["--script", SCRIPTS / "onnxruntime_shots.py", "--python", sys.executable, "--set", f"model={model}"]
    run_job(SAMPLE, by_script, *options)
    run_job(SAMPLE, by_model, "-m", model)
    found, expected = ([json.loads(line) for line in path.read_text().splitlines()] for path in (by_script, by_model))
    assert len(found) == len(expected) == 120
    assert [line["pts"] for line in found] == [line["pts"] for line in expected]
    scores = [line["values"][0] for line in expected]
    assert [line["result"]["score"] for line in found] == pytest.approx(scores, abs=1e-6)
    assert [line["result"]["cut"] for line in found] == [score > 0.5 for score in scores]
    assert sum(line["result"]["cut"] for line in found) == 1


def test_each_example_is_tested_and_has_its_section():
    page = (ROOT / "docs/examples.md").read_text()
    tests = ("frameworks/examples_test.py", "gpu/examples_test.py", "python/generator_test.py")
    tested = "".join((ROOT / "tests" / test).read_text() for test in tests)
    names = sorted(path.name for path in SCRIPTS.glob("*.py"))
    assert len(names) == 7
    for name in names:
        assert f"## {name}" in page
        assert name in tested
        assert name in (SCRIPTS / name).read_text(), "the command that runs it"
