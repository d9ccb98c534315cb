"""What the frameworks make of a script's frames on the CPU: the table of docs/scripting.md, row by row.

A script notes the facts, so they are those of real runs. "shares": what numpy writes into the batch is seen through the
framework. "writable": what the framework writes is seen in the batch.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from tools import ROOT, ffmpeg, millrace, pattern, x264

HEAD = """
import os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy
from millrace import analyser

def refused(call):
    try:
        call()
    except Exception as error:
        return type(error).__name__
    return "no"

def facts(batch, view, value, write):
    batch.numpy()[...] = 0.25
    shares = value(view) == 0.25
    answer = refused(lambda: write(view))
    return {"shares": bool(shares), "writable": bool((batch.numpy() == 0.75).all()), "answer": answer}

def set_item(view):
    view[...] = 0.75
"""
VIEWS = {
    "numpy.asarray": ("batch.numpy()", "lambda v: v.min()", "set_item"),
    "numpy.from_dlpack": ("numpy.from_dlpack(batch)", "lambda v: v.min()", "set_item"),
    "jax.dlpack.from_dlpack": ("batch.jax()", "lambda v: float(v.min())", "set_item"),
    "cv2 on nhwc": (
        "batch.numpy()[0]",
        "lambda v: v.min()",
        "lambda v: [cv2.rectangle(x, (0, 0), (10**4, 10**4), (0.75,) * 3, -1) for x in batch.numpy()]",
    ),
}
MORE_VIEWS = {
    "torch.from_dlpack": ("batch.torch()", "lambda v: v.min().item()", "lambda v: v.fill_(0.75)"),
    "TensorFlow, to_tf()": ("batch.to_tf()", "lambda v: float(v.numpy().min())", "set_item"),
}
NUMPY_2 = ROOT / ".deps/venv/bin/python"


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    ffmpeg(*pattern("64x48", 1), *x264(), path)
    return path


def analysed(film, tmp_path, body, python=sys.executable, arguments='layout="nhwc", batch=7'):
    """What a script says of the first batch."""
    script, output = tmp_path / "script.py", tmp_path / "out.jsonl"
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    script.write_text(f"{HEAD}\n@analyser({arguments})\ndef note(batch):\n{lines}\n    return [said] * len(batch)\n")
    ended = millrace("run", "-i", film, "-o", output, "--script", script, "--python", python, "--frames", "7", "-y")
    assert ended.code == 0, ended
    return json.loads(output.read_text().splitlines()[0])["result"]


def facts_of(film, tmp_path, views, python):
    """Of every view: (shares, writable, what writing raises)."""
    notes = [f"{name!r}: facts(batch, {view}, {value}, {write})" for name, (view, value, write) in views.items()]
    found = analysed(film, tmp_path, f"import cv2\nsaid = {{{', '.join(notes)}}}", python)
    return {name: (row["shares"], row["writable"], row["answer"]) for name, row in found.items()}


def test_no_framework_copies(film, tmp_path):
    assert facts_of(film, tmp_path, VIEWS | MORE_VIEWS, sys.executable) == {
        "numpy.asarray": (True, True, "no"),
        "numpy.from_dlpack": (True, False, "ValueError"),  # numpy 1.26: all of them are read-only
        "torch.from_dlpack": (True, True, "no"),
        "jax.dlpack.from_dlpack": (True, False, "TypeError"),
        "TensorFlow, to_tf()": (True, False, "TypeError"),
        "cv2 on nhwc": (True, True, "no"),
    }


def test_no_framework_copies_with_numpy_2(film, tmp_path):
    assert facts_of(film, tmp_path, VIEWS, NUMPY_2) == {
        "numpy.asarray": (True, True, "no"),
        "numpy.from_dlpack": (True, True, "no"),
        "jax.dlpack.from_dlpack": (True, False, "TypeError"),
        "cv2 on nhwc": (True, True, "no"),
    }


def test_opencv_takes_pictures_in_nhwc_only(film, tmp_path):
    body = "import cv2\nsaid = refused(lambda: cv2.cvtColor(batch.numpy()[0], cv2.COLOR_RGB2GRAY))"
    assert analysed(film, tmp_path, body) == "no"
    assert analysed(film, tmp_path, body, arguments='layout="nchw", batch=7') == "error"


def test_jax_copies_what_is_not_aligned(film, tmp_path):
    """Why frames are 256-byte aligned, and why a slice of a batch may be a copy."""
    body = """
import jax.dlpack
batch.numpy()[...] = 0.25
whole, part = jax.dlpack.from_dlpack(batch), jax.dlpack.from_dlpack(batch.numpy().reshape(-1)[1:])
part.block_until_ready()  # the copy is made by another thread
aligned = batch.tensor.__array_interface__["data"][0] % 256
batch.numpy()[...] = 0.5
said = [aligned, float(whole.max()), float(part.max())]
"""
    assert analysed(film, tmp_path, body, NUMPY_2) == [0, 0.5, 0.25]


def test_padded_rows_are_rejected(film, tmp_path):
    """Why frames are compact: rows with room at their ends are no arrays to JAX and TensorFlow."""
    body = """
import jax.dlpack, tensorflow
padded = batch.numpy()[:, :, :8]
said = [refused(lambda: jax.dlpack.from_dlpack(padded)),
        refused(lambda: tensorflow.experimental.dlpack.from_dlpack(padded.__dlpack__()))]
"""
    assert "no" not in analysed(film, tmp_path, body)


def test_a_batch_that_is_not_full_is_given_without_what_fills_it_up(film, tmp_path):
    body = """
said = [list(batch.numpy().shape), list(numpy.from_dlpack(batch).shape), list(batch.torch().shape),
        list(batch.jax().shape), list(batch.to_tf().shape), list(batch.shape), list(batch.tensor.shape)]
"""
    found = analysed(film, tmp_path, body, arguments='layout="nhwc", batch=16')
    assert found == [[7, 48, 64, 3]] * 6 + [[16, 48, 64, 3]]


def test_opencv_takes_planes_as_they_are(film, tmp_path):
    import cv2
    import numpy as np

    body = "import cv2\nsaid = cv2.cvtColor(batch.numpy()[3], cv2.COLOR_YUV2BGR_I420).reshape(-1).tolist()"
    found = analysed(film, tmp_path, body, arguments='color="yuv", batch=7')
    stored = np.frombuffer(ffmpeg("-i", film, "-f", "rawvideo", "-"), np.uint8).reshape(-1, 72, 64)
    assert found == cv2.cvtColor(stored[3], cv2.COLOR_YUV2BGR_I420).reshape(-1).tolist()


def test_planes_of_ten_bits_are_uint16_to_frameworks(tmp_path):
    """Of those that know it: PyTorch does from 2.3 on."""
    film = tmp_path / "ten.mp4"
    ffmpeg(*pattern("64x48", 1), "-pix_fmt", "yuv420p10le", *x264(), film)
    body = """
said = [str(x.dtype).split("'")[-2 if "'" in str(x.dtype) else 0] for x in (batch.numpy(), batch.jax(), batch.to_tf())]
said += [int(numpy.asarray(x).astype("int64").sum()) for x in (batch.numpy(), batch.jax(), batch.to_tf())]
"""
    *dtypes, by_numpy, by_jax, by_tensorflow = analysed(film, tmp_path, body, arguments='color="yuv", batch=7')
    assert dtypes == ["uint16"] * 3
    assert by_numpy == by_jax == by_tensorflow


RESULTS = {
    "numpy": "batch.numpy() * numpy.float32(0.5)",
    "torch": "batch.torch() * 0.5",
    "torch with gradients": "batch.torch() * torch.nn.Parameter(torch.tensor(0.5))",
    "torch, strides": "(batch.torch().permute(0, 3, 1, 2) * 0.5).permute(0, 2, 3, 1)",
    "jax": "batch.jax() * 0.5",
    "TensorFlow": "batch.to_tf() * 0.5",
    "a list of torch's": "[x * 0.5 for x in batch.torch()]",
    "bytes": "memoryview(batch.numpy() * numpy.float32(0.5))",
}


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_of_any_framework_is_taken(film, tmp_path, name):
    imports = "import torch\n    " if "torch" in RESULTS[name] else ""
    script, output = tmp_path / "script.py", tmp_path / "out.mkv"
    head = HEAD.replace("analyser", "processor")
    script.write_text(
        f'{head}\n@processor(layout="nhwc", batch=7)\ndef half(batch):\n    {imports}return {RESULTS[name]}\n'
    )
    options = ["--python", sys.executable, "-c:v", "ffv1", "-an", "--frames", "7"]
    ended = millrace("run", "-i", film, "-o", output, "--script", script, *options)
    assert ended.code == 0, ended
    pixels = ffmpeg("-i", output, "-f", "rawvideo", "-pix_fmt", "yuv420p", "-")
    assert subprocess.run(["sha256sum"], input=pixels, capture_output=True).stdout == halved(film)


def halved(film):
    """By the program's own arithmetic, which tests/ops compares with the formula: the frames of numpy's run."""
    if not hasattr(halved, "sum"):
        folder = film.parent
        (folder / "oracle.py").write_text(
            "import numpy\nfrom millrace import processor\n\n"
            "@processor()\ndef half(batch):\n    return batch.numpy() * numpy.float32(0.5)\n"
        )
        output = folder / "oracle.mkv"
        options = ["--python", sys.executable, "-c:v", "ffv1", "-an", "--frames", "7", "-y"]
        assert millrace("run", "-i", film, "-o", output, "--script", folder / "oracle.py", *options).code == 0
        pixels = ffmpeg("-i", output, "-f", "rawvideo", "-pix_fmt", "yuv420p", "-")
        halved.sum = subprocess.run(["sha256sum"], input=pixels, capture_output=True).stdout
    return halved.sum
