"""Several scripts, one after the other."""

from __future__ import annotations

import json

import numpy as np
import pytest
from script_runs import LOSSLESS, PYTHON, SHORT, killed, raw, run, words
from tools import BAD_INPUT, USAGE, finished_segments, millrace

HALF = """
from millrace import processor

@processor(batch=4)
def half(batch, *, part: float = 0.5):
    return batch.numpy() * part
"""
GROW = """
from millrace import processor

@processor(batch=8, scale=2)
class Grow:
    def setup(self, info):
        self.size = (info.height, info.width)
    def __call__(self, batch):
        assert batch.shape[2:] == self.size, (batch.shape, self.size)
        return batch.numpy().repeat(2, axis=2).repeat(2, axis=3)
"""
MEAN = """
from millrace import analyser

@analyser(batch=4)
class Mean:
    def setup(self, info):
        self.size = [info.width, info.height]
    def __call__(self, batch):
        return [{"mean": float(x.mean()), "size": self.size, "index": i} for i, x in zip(batch.indices, batch.numpy())]
"""
BOTH = HALF.replace("return batch.numpy() * part", "return (batch.numpy() * part).repeat(2, axis=2).repeat(2, axis=3)")
BOTH = BOTH.replace("batch=4", "batch=4, scale=2")


def further(*scripts):
    return [word for script in scripts for word in ("--script", script)]


def test_each_takes_what_the_one_before_made(film, script, tmp_path):
    chain, one = tmp_path / "chain.mkv", tmp_path / "one.mkv"
    half, grow, both = script(HALF, "half.py"), script(GROW, "grow.py"), script(BOTH, "both.py")
    run(film, chain, half, *further(grow), *LOSSLESS, "--set", "part=0.25")
    run(film, one, both, *LOSSLESS, "--set", "part=0.25")
    assert raw(chain) == raw(one)


def test_an_analyser_comes_last(film, script, tmp_path):
    plain, chain = tmp_path / "plain.jsonl", tmp_path / "chain.jsonl"
    mean = script(MEAN, "mean.py")
    run(film, plain, mean)
    run(film, chain, script(HALF, "half.py"), *further(script(GROW, "grow.py"), mean))
    before = [json.loads(line)["result"] for line in plain.read_text().splitlines()]
    after = [json.loads(line)["result"] for line in chain.read_text().splitlines()]
    assert [one["index"] for one in after] == list(range(200))
    assert {tuple(one["size"]) for one in after} == {(640, 360)}
    assert np.allclose([one["mean"] for one in after], [one["mean"] / 2 for one in before], rtol=1e-5)


def test_pictures_between_go_through_what_follows(film, script, tmp_path):
    """Twice the rate, and of that three times the rate; a last batch that is not full."""
    twice = """
import numpy
from millrace import processor

@processor(batch=7, rate=2)
def twice(batch):
    frames = batch.numpy()
    return numpy.stack([frames, frames / 2], axis=1).reshape(-1, *frames.shape[1:])
"""
    thrice = """
from millrace import processor

@processor(batch=7, rate=3, scale=2)
def thrice(batch):
    assert all(pts is None for pts in batch.pts[1::2]) and None not in batch.pts[0::2]
    assert batch.indices[0::2] == batch.indices[1::2]
    return batch.numpy().repeat(3, axis=0).repeat(2, axis=2).repeat(2, axis=3)
"""
    chain, plain, dark = (tmp_path / f"{name}.mkv" for name in ("chain", "plain", "dark"))
    grow = script(GROW, "grow.py")
    run(film, chain, script(twice, "twice.py"), *further(script(thrice, "thrice.py")), *LOSSLESS, "--frames", "10")
    run(film, plain, grow, *LOSSLESS, "--frames", "10")
    run(film, dark, script(HALF, "half.py"), *further(grow), *LOSSLESS, "--frames", "10")
    size = 640 * 360 * 3 // 2
    pictures = [[data[at : at + size] for at in range(0, len(data), size)] for data in map(raw, (chain, plain, dark))]
    expected = [one for pair in zip(*pictures[1:], strict=True) for one in pair for _ in range(3)]
    assert pictures[0] == expected


def test_workers_and_batches_change_nothing(film, script, tmp_path):
    one, two = tmp_path / "one.mp4", tmp_path / "two.mp4"
    half, grow = script(HALF, "half.py"), script(GROW, "grow.py")
    run(film, one, half, *further(grow))
    run(film, two, half, *further(grow), "--script-workers", "2", "--batch", "3")
    assert one.read_bytes() == two.read_bytes()


def test_a_killed_run_goes_on_and_the_order_is_part_of_it(film, script, tmp_path):
    whole, output = tmp_path / "whole.mp4", tmp_path / "out.mp4"
    slow = "import os, time\n" + HALF.replace("return", "time.sleep(float(os.environ.get('WAIT', 0)))\n    return")
    half, other = script(slow, "half.py"), script(HALF.replace("half", "other").replace("part", "much"), "other.py")
    run(film, whole, half, *further(other))
    killed(words(film, output, half, *further(other)), lambda: finished_segments(output) >= 3, WAIT="0.05")
    turned = millrace(*words(film, output, other, *further(half)))
    assert turned.code == USAGE
    run(film, output, half, *further(other))
    assert output.read_bytes() == whole.read_bytes()


def test_python_takes_a_list(film, script, tmp_path):
    import millrace as package

    output = tmp_path / "out.jsonl"
    report = package.run(film, output, script=[script(HALF, "half.py"), script(MEAN, "mean.py")], frames=5)
    assert report.frames.processed == 5


def test_states_of_all_that_have_one(film, script, tmp_path):
    text = """
from millrace import {kind}

@{kind}(order="sequential"{more})
class {name}:
    def setup(self, info):
        self.count = 0
    def __call__(self, batch):
        self.count += len(batch)
        return {result}
    def save(self):
        return str(self.count).encode() * {times}
    def load(self, state):
        self.count = int(state[:len(state) // {times}])
"""
    first = script(text.format(kind="processor", more="", name="First", result="batch", times=1), "first.py")
    slow = "import os, time\n" + text.replace(
        "self.count += ", "time.sleep(float(os.environ.get('WAIT', 0)))\n        self.count += "
    )
    result = "[{'count': self.count}]"
    second = script(slow.format(kind="analyser", more="", name="Second", result=result, times=3), "second.py")
    whole, output = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    run(film, whole, first, *further(second))
    killed(words(film, output, first, *further(second)), lambda: finished_segments(output) >= 4, WAIT="0.05")
    run(film, output, first, *further(second))
    assert output.read_bytes() == whole.read_bytes()
    assert [json.loads(line)["result"]["count"] for line in output.read_text().splitlines()] == list(range(1, 201))


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (HALF.replace("batch=4", "color='bgr'"), "half takes float32, bgr, nchw, white is 1, but half of"),
        (HALF.replace("batch=4", "dtype='float16'"), "half takes float16, rgb, nchw, white is 1, but half of"),
        (HALF.replace("batch=4", "size=(64, 64)"), "half declares size, but is handed what half of"),
        (HALF.replace("batch=4", "window=(1, 1)"), "half declares window, but is handed what half of"),
    ],
)
def test_what_does_not_fit_is_refused(film, script, tmp_path, second, message):
    ended = millrace(*words(film, tmp_path / "o.mkv", script(HALF, "a.py"), *further(script(second, "b.py"))))
    assert ended.code == BAD_INPUT, ended
    assert f"{tmp_path}/b.py: {message}" in ended.err


def test_an_analyser_or_a_rate_before_others_is_refused(film, script, tmp_path):
    def said(first, second):
        ended = millrace(*words(film, tmp_path / "o.mkv", script(first, "a.py"), *further(script(second, "b.py"))))
        assert ended.code == BAD_INPUT, ended
        return ended.err

    assert "which makes no pictures; an analyser is the last script" in said(MEAN, HALF)
    twice = HALF.replace("batch=4", "batch=4, rate=2")
    assert "which gives 2 pictures a frame; an analyser says one thing a frame" in said(twice, MEAN)


def test_parameters_have_owners(film, script, tmp_path):
    first, second = script(HALF, "a.py"), script(HALF.replace("def half", "def again"), "b.py")
    output = tmp_path / "o.mkv"
    command = words(film, output, first, *further(second), "--frames", "3", *LOSSLESS)
    ended = millrace(*command, "--set", "part=1")
    assert ended.code == USAGE
    assert "half (1) and again (2) have a parameter part; say whose: --set 1.part=1" in ended.err
    ended = millrace(*command, "--set", "prat=1")
    assert ended.code == USAGE
    assert "no parameter is called prat; the scripts have half.part, again.part" in ended.err
    ended = millrace(*command, "--set", "half.part=0", "--set", "2.part=1")
    assert ended.code == 0, ended
    assert set(raw(output)[: 320 * 180]) == {16}


def test_a_missing_one_is_named(film, script, tmp_path):
    ended = millrace("run", "-i", film, "-o", tmp_path / "o.mkv", *further(script(HALF, "a.py"), tmp_path / "no.py"),
                     *PYTHON, *SHORT)  # fmt: skip
    assert ended.code == BAD_INPUT
    assert f"script {tmp_path}/no.py: No such file or directory" in ended.err
