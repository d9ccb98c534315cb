"""Runs of a generator and of what is behind it, of the program that is built."""

from __future__ import annotations

from pathlib import Path

from script_runs import PYTHON
from tools import millrace as program
from writer_frames import HEIGHT, WIDTH

FOLDER = str(Path(__file__).parent)
GENERATOR = f"""
import os, sys, time
import numpy as np
sys.path.insert(0, {FOLDER!r})
from writer_frames import moving
from millrace import generator

@generator(size=({WIDTH}, {HEIGHT}), frame_rate=25, frames="count")
def make(*, count: int = 110, start: int = 0):
    for number in range(start, count):
        yield moving(number)
"""
HALF = """
import os, time
from millrace import processor

@processor(batch=4)
def half(batch, *, part: float = 0.5):
    assert batch.tensor.shape == (4, 3, 64, 96), batch.tensor.shape
    assert batch.numpy().ctypes.data % 256 == 0
    time.sleep(float(os.environ.get("WAIT", 0)) * len(batch))
    return batch.numpy() * part
"""
MEAN = """
from millrace import analyser

@analyser(batch=4)
def mean(batch):
    return [{"mean": float(x.mean()), "index": i, "pts": p} for x, i, p in zip(batch.numpy(), batch.indices, batch.pts)]
"""


def words(output, *scripts, options=("-preset", "veryfast", "--segment-length", "1")):
    return ["run", "-o", output, *(word for one in scripts for word in ("--script", one)), *PYTHON, *options]


def run(output, *scripts, more=(), **options):
    ended = program(*words(output, *scripts, **options), *more)
    assert ended.code == 0, ended
    return ended


def refused(output, code, *scripts, more=()):
    ended = program(*words(output, *scripts), *more)
    assert ended.code == code, ended
    return ended.err
