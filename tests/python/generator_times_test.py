"""Generators that say when each frame is shown: what becomes of the times, and which are refused."""

from __future__ import annotations

import json
import subprocess
from fractions import Fraction

import millrace
import pytest
from generator_runs import FOLDER, MEAN, refused, run, words
from script_runs import PYTHON, killed
from tools import BAD_INPUT, FAILED, finished_segments, frames_of, packet_fingerprint, times
from tools import millrace as program
from writer_frames import HEIGHT, WIDTH, moving

TIMED = f"""
import sys
sys.path.insert(0, {FOLDER!r})
from writer_frames import moving
from millrace import generator

TIMES = [0, 3, 4, 100, 101, 250]

@generator(size=({WIDTH}, {HEIGHT}), frame_rate=25, time_base="1/1000")
def make(*, start: int = 0):
    for number in range(start, 6):
        yield moving(number), TIMES[number]
"""


def ticks(path):
    """Of packets, by ffprobe: pts in milliseconds."""
    text = subprocess.run(
        ["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "packet=pts_time", "-of", "csv=p=0", path],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return sorted(Fraction(line.rstrip(",")) * 1000 for line in text.split())


@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_frames_have_the_times_that_come_with_them(tmp_path, script, container):
    output = tmp_path / f"out.{container}"
    run(output, script(TIMED, "make.py"), options=[])
    assert ticks(output) == [0, 3, 4, 100, 101, 250]
    with millrace.Writer(
        tmp_path / f"writer.{container}", width=WIDTH, height=HEIGHT, frame_rate=25, time_base="1/1000"
    ) as writer:
        for number, pts in enumerate([0, 3, 4, 100, 101, 250]):
            writer.write(moving(number), pts=pts)
    assert packet_fingerprint(output) == packet_fingerprint(tmp_path / f"writer.{container}")


def test_batches_have_a_list_of_times_and_frames_ends_within(tmp_path, script):
    three = "np.stack([moving(number + n) for n in range(3)]), TIMES[number:number + 3]"
    batches = TIMED.replace("range(start, 6)", "range(0, 6, 3)").replace("moving(number), TIMES[number]", three)
    output = tmp_path / "out.mp4"
    run(output, script("import numpy as np\n" + batches, "make.py"), options=["--frames", "5"])
    assert ticks(output) == [0, 3, 4, 100, 101]


def test_times_go_through_what_follows(tmp_path, script):
    """Of two pictures a frame the second is shown half way to the next frame, the last one half a frame later."""
    twice = """
import numpy as np
from millrace import processor
@processor(batch=4, rate=2)
def twice(batch):
    assert list(batch.pts) == [[0, 3, 4, 100], [101, 250]][batch.indices[0] // 4]
    assert list(batch.seconds) == [pts / 1000 for pts in batch.pts]
    return batch.numpy().repeat(2, axis=0)
"""
    output, lines = tmp_path / "out.mp4", tmp_path / "out.jsonl"
    make = script(TIMED, "make.py")
    run(output, make, script(twice, "twice.py"), options=[])
    assert ticks(output) == [0, 1.5, 3, 3.5, 4, 52, 100, 100.5, 101, 175.5, 250, 270]
    assert [time * 1000 for time in times(frames_of(output))] == ticks(output)
    run(lines, make, script(MEAN, "mean.py"), options=[])
    found = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [(one["pts"], one["seconds"]) for one in found] == [(t, t / 1000) for t in (0, 3, 4, 100, 101, 250)]


@pytest.mark.parametrize(
    ("yielded", "said"),
    [
        (
            "moving(number)",
            "as frame 0: expected (frame, pts), as the decorator has a time_base, found float32 [3, 64, 96]",
        ),
        (
            "moving(number), 1.5",
            "as pts of frame 0: expected a whole number of ticks, of a batch a list of them, found 1.5",
        ),
        ("moving(number), None", "as pts of frame 0: expected a whole number of ticks"),
        ("moving(number), [1, 2]", "from frame 0 on, 1 frames with 2 times"),
        ("moving(number), 5", "as pts of frame 1: 5, which is not after 5 of the frame before"),
        ("moving(number), -number", "as pts of frame 1: -1, which is not after 0 of the frame before"),
    ],
)
def test_times_that_are_wrong(tmp_path, script, yielded, said):
    path = script(TIMED.replace("moving(number), TIMES[number]", yielded), "make.py")
    assert f"make.py: make yielded, {said}" in refused(tmp_path / "out.mp4", FAILED, path)
    checked = program("script", "check", path, *PYTHON)
    assert (checked.code, said in checked.err) == (FAILED, True)


def test_times_that_nobody_declared(tmp_path, script):
    path = script(TIMED.replace(', time_base="1/1000"', ""), "make.py")
    assert "found a pair; frames come at the frame_rate" in refused(tmp_path / "out.mp4", FAILED, path)
    path = script(TIMED.replace('"1/1000"', '"soon"'), "make.py")
    assert "@generator's time_base: expected a number" in refused(tmp_path / "out.mp4", BAD_INPUT, path)


def test_times_and_a_kill(tmp_path, script):
    text = TIMED.replace("TIMES = [0, 3, 4, 100, 101, 250]", "TIMES = [n * 40 + n % 7 for n in range(110)]")
    slow = "import os, time\n" + text.replace("range(start, 6)", "range(start, 110)").replace(
        "        yield", "        time.sleep(float(os.environ.get('WAIT', 0)))\n        yield"
    )
    make, whole, output = script(slow, "make.py"), tmp_path / "whole.mp4", tmp_path / "out.mp4"
    run(whole, make)
    assert ticks(whole) == [n * 40 + n % 7 for n in range(110)]
    killed(words(output, make), lambda: finished_segments(output) >= 2, WAIT="0.02")
    run(output, make)
    assert output.read_bytes() == whole.read_bytes()
