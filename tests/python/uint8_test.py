"""Scripts that are handed bytes: the frames rounded, and what comes back as it is."""

from __future__ import annotations

import json

import pytest
from script_runs import LOSSLESS, PYTHON, raw, refused, run
from tools import BAD_INPUT, FAILED, millrace

BYTES = """
import numpy
from millrace import {kind}

@{kind}(dtype="uint8", batch=4, layout="{layout}", color="{color}")
def work(batch):
    frames = batch.numpy()
    assert frames.dtype == numpy.uint8 and frames.flags.c_contiguous and frames.ctypes.data % 256 == 0
    return {result}
"""
FLOATS = """
import numpy
from millrace import {kind}

@{kind}(range=255, batch=4, layout="{layout}", color="{color}")
def work(batch):
    frames = numpy.clip(numpy.rint(batch.numpy()), 0, 255)
    return {result}
"""
SUMS = "[int(frame.astype('int64').sum()) for frame in frames]"


@pytest.mark.parametrize(("layout", "color"), [("nhwc", "bgr"), ("nchw", "rgb"), ("nchw", "luma")])
def test_bytes_are_the_floats_rounded(film, script, tmp_path, layout, color):
    videos, lines = [], []
    for name, text in (("bytes", BYTES), ("floats", FLOATS)):
        lines.append(tmp_path / f"{name}.jsonl")
        run(film, lines[-1], script(text.format(kind="analyser", layout=layout, color=color, result=SUMS)))
        videos.append(tmp_path / f"{name}.mkv")
        result = "255 - frames // 2" if name == "bytes" else "numpy.float32(255 - frames // 2)"
        made = script(text.format(kind="processor", layout=layout, color=color, result=result))
        run(film, videos[-1], made, *LOSSLESS)
    assert lines[0].read_text() == lines[1].read_text()
    assert raw(videos[0]) == raw(videos[1])


def test_it_may_write_to_them_and_give_them_back(film, script, tmp_path):
    written, made = tmp_path / "written.mkv", tmp_path / "made.mkv"
    text = BYTES.replace("return {result}", "frames[:, 10:20] = 0\n    return batch")
    run(film, written, script(text.format(kind="processor", layout="nhwc", color="rgb")), *LOSSLESS)
    text = FLOATS.replace("return {result}", "frames[:, 10:20] = 0\n    return frames.astype('float32')")
    run(film, made, script(text.format(kind="processor", layout="nhwc", color="rgb")), *LOSSLESS)
    assert raw(written) == raw(made)


def test_in_a_chain_and_by_lists(film, script, tmp_path):
    one, two = tmp_path / "one.mkv", tmp_path / "two.mkv"
    text = BYTES.format(kind="processor", layout="nhwc", color="rgb", result="{result}")
    halve = script(text.replace("{result}", "[frame // 2 for frame in frames]"), "halve.py")
    run(film, two, halve, "--script", script(text.replace("{result}", "frames + 7"), "add.py"), *LOSSLESS)
    run(film, one, script(text.replace("{result}", "frames // 2 + 7"), "both.py"), *LOSSLESS)
    assert raw(one) == raw(two)


def test_what_comes_back_is_bytes_too(film, script, tmp_path):
    text = BYTES.format(kind="processor", layout="nhwc", color="rgb", result="frames / numpy.float32(2)")
    said = refused(film, tmp_path / "o.mkv", script(text), FAILED)
    assert "expected uint8 [4, 180, 320, 3], found float32 [4, 180, 320, 3]; convert it to uint8" in said


def test_white_is_255(film, script, tmp_path):
    text = BYTES.replace('dtype="uint8"', 'dtype="uint8", range=1').format(
        kind="processor", layout="nhwc", color="rgb", result="frames"
    )
    assert "@processor's range: of uint8 white is 255, found 1" in refused(
        film, tmp_path / "o", script(text), BAD_INPUT
    )


def test_script_check_hands_out_bytes(script):
    path = script(BYTES.format(kind="processor", layout="nhwc", color="rgb", result="frames"))
    ended = millrace("script", "check", path, "--json", "--size", "64x48", *PYTHON)
    assert ended.code == 0, ended
    found = json.loads(ended.out)
    assert (found["input"]["dtype"], found["input"]["white"], found["output"]["dtype"]) == ("uint8", 255, "uint8")
    assert found["output"]["highest"] <= 255
