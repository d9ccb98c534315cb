"""Killed runs of a generator and of scripts behind it: what the next one does again, and where states go on."""

from __future__ import annotations

from pathlib import Path

import pytest
from generator_runs import GENERATOR, HALF, MEAN, refused, run, words
from script_runs import killed
from tools import USAGE, finished_segments

STATEFUL = """
import os, sys, time
import numpy as np
from millrace import processor

@processor(order="sequential", batch=7{more})
class Trail:
    def setup(self, info):
        self.mean = np.zeros((), "float32")
        self.seen = 0
    def __call__(self, batch):
        assert len(set(batch.segments)) == 1
        time.sleep(float(os.environ.get("WAIT", 0)) * len(batch))
        print("seen", *batch.indices, file=sys.stderr)
        result = []
        for frame in batch.numpy():
            self.seen += 1
            self.mean = self.mean * np.float32(0.75) + frame * np.float32(0.25)
            result += [self.mean, frame * np.float32(self.seen / 200)][:{pictures}]
        return result
    def save(self):
        return self.seen.to_bytes(8, "big") + self.mean.tobytes()
    def load(self, state):
        self.seen = int.from_bytes(state[:8], "big")
        self.mean = np.frombuffer(state[8:], "float32").reshape(3, 64, 96)
"""


@pytest.mark.parametrize("kind", ["video", "lines", "sequential"])
@pytest.mark.parametrize("takes_start", [True, False])
def test_what_is_finished_outlives_a_kill(tmp_path, script, kind, takes_start):
    """A sequential script sees all frames again; others those alone that are missing."""
    logged = GENERATOR.replace("        yield", "        print(number, file=sys.stderr)\n        yield")
    if not takes_start:
        logged = logged.replace(", start: int = 0", "").replace("range(start, count)", "range(count)")
    order = ', order="sequential"' if kind == "sequential" else ""
    half = script(HALF.replace("batch=4", "batch=4" + order), "half.py")
    scripts = [script(logged, "make.py"), half, *([script(MEAN, "mean.py")] if kind == "lines" else [])]
    whole, output = (tmp_path / f"{name}.{'jsonl' if kind == 'lines' else 'mp4'}" for name in ("whole", "out"))
    run(whole, *scripts)
    killed(words(output, *scripts), lambda: finished_segments(output) >= 2, WAIT="0.02")
    err = run(output, *scripts).err
    assert output.read_bytes() == whole.read_bytes()
    made = [int(line) for line in err.splitlines() if line.isdigit()]
    assert made == list(range(made[0], 110))
    assert made[0] >= 48 if takes_start and kind != "sequential" else made[0] == 0


@pytest.mark.parametrize(("kind", "rate"), [("video", 1), ("video", 2), ("lines", 1)])
@pytest.mark.parametrize("takes_start", [True, False])
def test_a_state_goes_on_where_it_was(tmp_path, script, kind, rate, takes_start):
    """With a rate of 2 segments of 25 pictures begin in the middle of a frame."""
    text = GENERATOR if takes_start else GENERATOR.replace(", start: int = 0", "").replace("start, count", "count")
    trail = STATEFUL.format(more=f", rate={rate}" if rate > 1 else "", pictures=rate)
    rated = text.replace("frame_rate=25", "frame_rate='25/2'") if rate > 1 else text
    scripts = [script(rated, "make.py"), script(trail, "trail.py"), *([script(MEAN, "mean.py")] * (kind == "lines"))]
    whole, output = (tmp_path / f"{name}.{'jsonl' if kind == 'lines' else 'mp4'}" for name in ("whole", "out"))
    run(whole, *scripts)
    killed(words(output, *scripts), lambda: finished_segments(output) >= 3, WAIT="0.02")
    assert list(Path(f"{output}.millrace").glob("segment-*.state"))
    lines = [line.split() for line in run(output, *scripts).err.splitlines() if line.startswith("seen ")]
    seen = [int(word) for line in lines for word in line[1:]]
    assert output.read_bytes() == whole.read_bytes()
    assert seen == list(range(seen[0], 110))
    assert seen[0] >= 2 * 25 // rate - 1, "a state was there"
    assert not Path(f"{output}.millrace").exists()


def test_the_order_is_part_of_the_job(tmp_path, script):
    make = script(GENERATOR, "make.py")
    half, other = script(HALF, "half.py"), script(HALF.replace("def half", "def other"), "other.py")
    output = tmp_path / "out.mp4"
    killed(words(output, make, half, other), lambda: finished_segments(output) >= 1, WAIT="0.02")
    err = refused(output, USAGE, make, other, half)
    assert "holds the unfinished work of another command" in err
    run(output, make, other, half, more=["--restart"])
