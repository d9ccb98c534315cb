"""`millrace script check` of several scripts, each of which takes what the one before made."""

from __future__ import annotations

import json
import re
import sys

import pytest
from tools import BAD_INPUT, FAILED, USAGE, millrace

PYTHON = ["--python", sys.executable]

SCRIPTS = {
    "twice": """
from millrace import processor

@processor(batch=4, rate=2)
def twice(batch, *, gain: float = 1.0):
    assert len(batch.tensor.shape) == 4
    return (batch.numpy() * gain).repeat(2, axis=0)
""",
    "larger": """
from millrace import processor

@processor(batch=6, scale=2)
class Larger:
    def setup(self, info):
        assert (info.width, info.height, info.batch) == (64, 36, 4), info

    def __call__(self, batch):
        assert batch.tensor.shape == (8, 3, 36, 64) and batch.result_shape == (3, 72, 128)
        assert batch.indices[:4] == (batch.indices[0],) * 2 + (batch.indices[0] + 1,) * 2
        assert batch.pts[:3] == (batch.indices[0] * 512, None, batch.indices[2] * 512)
        return batch.numpy().repeat(2, axis=2).repeat(2, axis=3)
""",
    "mean": """
from millrace import analyser

@analyser(batch=4)
def mean(batch, *, gain: float = 1.0):
    return [{"mean": float(x) * gain} for x in batch.numpy().mean((1, 2, 3))]
""",
    "made": """
import numpy as np
from millrace import generator

@generator(size=(64, 36), frame_rate=25, time_base="1/1000", frames="count")
def made(*, count: int = 100):
    for number in range(0, count, 3):
        frames = [np.full((3, 36, 64), (number + i) / 100, "float32") for i in range(min(3, count - number))]
        yield np.stack(frames), [40 * (number + i) for i in range(len(frames))]
""",
    "told": """
from millrace import analyser

@analyser(batch=4)
def told(batch):
    assert [x / 25 for x in batch.indices] == list(batch.seconds)
    assert list(batch.pts) == [x * 40 for x in batch.indices]
    return [round(float(x) * 100) - index for x, index in zip(batch.numpy()[:, 0, 0, 0], batch.indices)]
""",
    "bytes": """
from millrace import processor

@processor(dtype="uint8")
def bytes_(batch):
    return batch.numpy()
""",
    "short": """
from millrace import processor

@processor
def short(batch):
    return batch.numpy()[:, :, 1:]
""",
    "wild": """
import numpy
from millrace import processor

@processor
def wild(batch):
    return numpy.random.random_sample(batch.numpy().shape).astype("float32") + 1
""",
}


@pytest.fixture
def chain(tmp_path):
    """Paths of scripts by name."""

    def write(*names):
        for name in names:
            (tmp_path / f"{name}.py").write_text(SCRIPTS[name])
        return [tmp_path / f"{name}.py" for name in names]

    return write


def check(paths, *options):
    return millrace("script", "check", *paths, *PYTHON, *options)


def findings(paths, *options):
    ended = check(paths, "--json", *options)
    assert ended.code == 0, ended
    return json.loads(ended.out)


def test_each_script_is_described_with_what_it_is_handed(chain):
    found = findings(chain("twice", "larger"), "--size", "64x36")
    assert (found["order"], found["batch"], found["calls"], found["short_calls"]) == ("any", 4, 13, 1)
    twice, larger = found["scripts"]
    assert (twice["name"], twice["input"]["shape"], twice["output"]["shape"]) == (
        "twice", [4, 3, 36, 64], [8, 3, 36, 64],
    )  # fmt: skip
    assert (larger["name"], larger["input"]["shape"], larger["output"]["shape"]) == (
        "Larger", [8, 3, 36, 64], [8, 3, 72, 128],
    )  # fmt: skip
    assert larger["output"]["highest"] == twice["output"]["highest"]
    assert found["frame_seconds"] == pytest.approx(twice["frame_seconds"] + larger["frame_seconds"])


def test_the_text_says_what_one_hands_to_the_next(chain):
    paths = chain("twice", "larger")
    text = check(paths, "--size", "64x36", "--set", "gain=0.5").out.decode()
    assert text.startswith(f"1. {paths[0]}: processor twice, order any\n  parameters  gain=0.5\n")
    assert "  hands on    8 pictures a call to Larger\n" in text
    assert f"\n2. {paths[1]}: processor Larger, order any\n" in text
    assert text.count(", the median of 12 (") == 2
    assert re.search(
        r"\ntogether: batch 4, order any\n  Python .*\n  then        [\d.]+ ms a call; [\d.]+ ms a frame\n"
        r"  rate        [\d,]+ frames a second in one process by the medians\n",
        text,
    ), text
    assert text.endswith("good: 14 calls went as a run's would\n")


def test_scripts_are_named_as_for_a_run_too(chain):
    paths = chain("twice", "mean")[1:]
    named = findings(["--script", paths[0]])
    assert named["name"] == "mean"
    both = findings(["--script", *chain("bytes"), "--script", *chain("bytes")])
    assert [one["input"]["dtype"] for one in both["scripts"]] == ["uint8", "uint8"]


def test_behind_a_generator_frames_come_in_batches_with_their_times(chain):
    found = findings(chain("made", "told"), "--set", "count=10")
    made, told = found["scripts"]
    assert (made["kind"], made["input"], made["output"]["shape"]) == ("generator", {}, [3, 36, 64])
    assert (told["input"]["shape"], told["output"]["first"]) == ([4, 3, 36, 64], 0)
    assert found["calls"] == 3  # the last of them has two frames


def test_more_is_not_taken_of_a_generator_than_is_looked_at(chain):
    found = findings(chain("made", "told"), "--batch", "2")
    assert (found["calls"], found["short_calls"], found["batch"]) == (13, 1, 2)


def test_a_note_stands_at_the_script_that_it_is_about(chain):
    found = findings(chain("wild", "mean"), "--size", "64x36")
    wild, mean = ([note for note in one["notes"] if " times as long " not in note] for one in found["scripts"])
    assert len(wild) == 1  # no word of values that are cut off
    assert "the same frames gave another result" in wild[0]
    assert mean == []


def run_of(paths, tmp_path):
    scripts = [word for path in paths for word in ("--script", path)]
    source = tmp_path / "source.py"
    source.write_text(SCRIPTS["made"].replace(', time_base="1/1000"', "").replace(
        ", [40 * (number + i) for i in range(len(frames))]", ""))  # fmt: skip
    return millrace("run", "-o", tmp_path / "out.jsonl", "--script", source, *scripts, *PYTHON, "-y"), source


def test_what_does_not_fit_is_said_as_a_run_says_it(chain, tmp_path):
    for names, code, said in (
        (["twice", "mean"], BAD_INPUT, "which gives 2 pictures a frame; an analyser says one thing a frame"),
        (["mean", "twice"], BAD_INPUT, "an analyser is the last script"),
        (["bytes", "mean"], BAD_INPUT, "bytes_ takes uint8, rgb, nchw, white is 255, but made of "),
        (["short", "mean"], FAILED, "short returned: expected float32 ["),
    ):
        ran, source = run_of(paths := chain(*names), tmp_path)
        checked = check([source, *paths], "--json")
        assert (checked.code, ran.code) == (code, code), (checked, ran)
        message = json.loads(checked.out)["error"]["message"]
        assert said in message
        assert message in ran.err, ran.err


def test_a_parameter_of_two_is_set_by_number_or_name(chain):
    paths = chain("twice", "mean")
    paths = [paths[1].with_name("plain.py"), paths[1]]
    paths[0].write_text(SCRIPTS["twice"].replace(", rate=2", "").replace(".repeat(2, axis=0)", ""))
    assert "say whose: --set 1.gain=2" in (ended := check(paths, "--set", "gain=2")).err
    assert ended.code == USAGE
    found = findings(paths, "--set", "1.gain=0.5", "--set", "mean.gain=2")
    assert [one["parameters"] for one in found["scripts"]] == [{"gain": 0.5}, {"gain": 2.0}]


def test_what_a_generator_says_itself_is_refused(chain):
    paths = chain("made", "told")
    ended = check(paths, "--size", "64x36")
    assert (ended.code, "leave out --size" in ended.err) == (USAGE, True)
    assert "leave out --batch" in check(paths[:1], "--batch", "2").err


def test_a_script_that_hangs_is_named(chain, tmp_path):
    paths = chain("mean")
    hanging = tmp_path / "hanging.py"
    hanging.write_text(
        "import time\nfrom millrace import processor\n@processor\ndef hang(batch):\n    time.sleep(600)\n"
    )
    ended = check([hanging, *paths], "--script-timeout", "1.5")
    assert ended.code == FAILED
    assert f"{hanging}, line 5: this has taken longer than --script-timeout 1.5" in ended.err
