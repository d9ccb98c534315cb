"""`millrace script check`: what it says of good scripts and of odd ones, and how it ends."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time

import pytest
from tools import BAD_INPUT, FAILED, USAGE, command_of, millrace

PYTHON = ["--python", sys.executable]


@pytest.fixture
def script(tmp_path):
    """Writes a script of one function: its path."""

    def write(body, head="@processor(batch=4)", imports=""):
        path = tmp_path / "script.py"
        lines = "\n".join(f"    {line}" for line in body.splitlines())
        path.write_text(f"from millrace import analyser, processor\n{imports}\n{head}\ndef work(batch):\n{lines}\n")
        return path

    return write


def check(path, *options):
    return millrace("script", "check", path, *PYTHON, *options)


def findings(path, *options):
    ended = check(path, "--json", *options)
    assert ended.code == 0, ended
    return json.loads(ended.out)


def remarks(found):
    """Its notes, but those of times, which a busy machine makes."""
    return [note for note in found["notes"] if " times as long as " not in note]


def test_a_processor_is_described(script):
    head = '@processor(color="bgr", layout="nhwc", dtype="float16", range=255, batch=2, window=(1, 0), scale=2)'
    path = script("return batch.numpy()[:, 1].repeat(2, axis=1).repeat(2, axis=2)", head)
    found = findings(path, "--size", "64x36")
    assert (found["kind"], found["name"], found["order"]) == ("processor", "work", "any")
    assert found["input"]["shape"] == [2, 2, 36, 64, 3]
    assert (found["input"]["color"], found["input"]["dtype"], found["input"]["white"]) == ("bgr", "float16", 255)
    assert found["output"]["shape"] == [2, 72, 128, 3]
    assert found["output"]["dtype"] == "float16"
    assert 0 <= found["output"]["lowest"] < 10
    assert 245 < found["output"]["highest"] <= 255
    assert found["calls"] == 13
    assert found["timed_calls"] == 12
    assert 0 < found["fastest_call_seconds"] <= found["call_seconds"] <= found["slowest_call_seconds"]
    assert found["fastest_call_seconds"] <= found["mean_call_seconds"] <= found["slowest_call_seconds"]
    assert found["frame_seconds"] == found["call_seconds"] / 2
    assert found["memory_bytes"] > 1 << 20
    assert remarks(found) == []


TIMES = re.compile(
    r"  first (?P<call>call |yield) (?P<first>[\d.]+) ms\n"
    r"  then        (?P<median>[\d.]+) ms a (call|yield), the median of (?P<count>\d+) "
    r"\((?P<fastest>[\d.]+) to (?P<slowest>[\d.]+)\); (?P<frame>[\d.]+) ms a frame\n"
    r"  rate        (?P<rate>[\d,]+) frames a second in one process "
    r"by the median, (?P<together>[\d,]+) by all (?P<all>\d+) together\n"
)


def test_times_are_said_with_their_spread(script):
    """Calls that vary by what the script does: twelve behind the first, of which every fourth is slow."""
    body = "seen.append(1)\ntime.sleep(0.05 if len(seen) % 4 == 1 else 0.01)\nreturn batch.numpy()"
    said = check(script(body, imports="import time\nseen = []\n"), "--size", "64x36").out.decode()
    found = TIMES.search(said)
    assert found, said
    assert (found["call"], found["count"], found["all"]) == ("call ", "12", "12")
    fastest, median, slowest = (float(found[name]) for name in ("fastest", "median", "slowest"))
    assert 10 <= fastest <= median <= slowest
    assert slowest >= 50
    assert float(found["frame"]) == pytest.approx(median / 4, abs=0.01)
    rate, together = (float(found[name].replace(",", "")) for name in ("rate", "together"))
    assert rate == pytest.approx(4000 / median, rel=0.01, abs=0.51)
    assert 4000 / slowest - 1 <= together <= 12 * 4000 / (9 * 10 + 3 * 50)


def test_the_only_yield_has_no_spread(tmp_path):
    path = tmp_path / "one.py"
    path.write_text(
        "import numpy\nfrom millrace import generator\n\n@generator(size=(8, 4), frame_rate=25)\ndef one():\n"
        "    yield numpy.zeros((3, 4, 8), 'float32')\n"
    )
    said = check(path).out.decode()
    only = r"\n  first yield [\d.]+ ms\n  rate        [\d,]+ frames a second in one process by that one\n"
    assert re.search(only, said), said
    assert said.endswith("good: 1 yield went as a run's would\n")
    found = findings(path)
    assert found["timed_calls"] == 0
    of_one = {found[f"{which}call_seconds"] for which in ("", "first_", "mean_", "fastest_", "slowest_")}
    assert len(of_one) == 1


def test_an_analyser_is_described_in_its_own_size(script):
    path = script(
        "return [{'mean': float(x)} for x in batch.numpy().mean((1, 2, 3))]", '@analyser(size=(20, 10), color="luma")'
    )
    found = findings(path)
    assert found["input"]["shape"] == [1, 1, 10, 20]
    assert list(found["output"]["first"]) == ["mean"]
    text = check(path).out.decode()
    assert "takes       float32 [1, 1, 10, 20], luma, white is 1" in text
    assert 'gave back   {"mean": ' in text
    assert text.endswith("good: 13 calls went as a run's would\n")


def test_frames_move_and_the_last_batch_is_not_full(script):
    body = """
assert batch.tensor.shape == (4, 3, 36, 64) and batch.numpy().shape[0] == len(batch) in (2, 4)
assert len({frame.tobytes() for frame in batch.numpy()}) == len(batch)
assert batch.seconds[0] == batch.indices[0] / 25 and batch.pts[0] == batch.indices[0] * 512
seen.append(len(batch))
assert seen != [4] * 14
return batch.numpy()
"""
    assert remarks(findings(script(body, imports="seen = []\n"), "--size", "64x36")) == []


ODD = {
    "brighter than white": ("return batch.numpy() * 2 - 0.5", "", "below 0 or above 1"),
    "NaN": ("return batch.numpy() * float('nan')", "", "values are NaN or infinite"),
    "random": (
        "return numpy.random.random_sample(batch.numpy().shape).astype('float32')",
        "import numpy\n",
        "the same frames gave another result",
    ),
    "compiles at first": (
        "if not made: time.sleep(1.5); made.append(1)\nreturn batch.numpy()",
        "import time\nmade = []\n",
        "the first call took",
    ),
    "compiles for each shape": (
        "if len(batch) not in made: time.sleep(1.5); made.append(len(batch))\nreturn batch.numpy()",
        "import time\nmade = []\n",
        "a batch that is not full took",
    ),
    "keeps copies": ("kept.append(bytearray(30 << 20))\nreturn batch.numpy()", "kept = []\n", "memory grew by 3"),
}


def test_a_first_call_as_slow_as_some_others_is_not_odd(script):
    body = "seen.append(1)\ntime.sleep(0.4 if len(seen) % 4 == 1 else 0)\nreturn batch.numpy()"
    found = findings(script(body, imports="import time\nseen = []\n"), "--size", "64x36")
    assert found["first_call_seconds"] >= 0.4 <= found["slowest_call_seconds"]
    if found["first_call_seconds"] < 2 * found["slowest_call_seconds"]:  # a busy machine's may be longer
        assert not any("the first call took" in note for note in found["notes"])


@pytest.mark.parametrize("what", ODD)
def test_what_is_odd_is_noted(script, what):
    body, imports, said = ODD[what]
    notes = findings(script(body, imports=imports), "--size", "64x36")["notes"]
    assert any(said in note for note in notes), notes


def test_a_sequential_script_may_give_other_results(script):
    body = "seen.append(1)\nreturn [len(seen)] * len(batch)"
    assert remarks(findings(script(body, '@analyser(order="sequential")', "seen = []\n"))) == []
    assert "sequential" in remarks(findings(script(body, "@analyser", "seen = []\n")))[0]


WRONG = {
    "a module that is not there": (
        BAD_INPUT,
        "return 1",
        "import no_such_module\n",
        "No module named 'no_such_module'",
    ),
    "an exception": (FAILED, "raise ValueError('no')", "", "line 5: ValueError: no"),
    "another type": (FAILED, "return batch.numpy().astype('float64')", "", "convert it to float32"),
    "another count in the last batch": (
        FAILED,
        "return batch.numpy()[[0, 1, 2, 3]] if len(batch) == 4 else batch.numpy()[:1]",
        "",
        "expected float32 [2, 3, 360, 640] or float32 [4, 3, 360, 640], found float32 [1, 3, 360, 640]",
    ),
    "every batch kept": (
        FAILED,
        "kept.append(batch.numpy())\nreturn batch.numpy()",
        "kept = []\n",
        "it keeps the memory of 2 batches",
    ),
    "the end of the process": (FAILED, "raise SystemExit(9)", "", "SystemExit: 9"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_ends_as_a_run_would(script, what):
    code, body, imports, said = WRONG[what]
    path = script(body, imports=imports)
    ended = check(path, "--json")
    assert ended.code == code, ended
    assert said in ended.err
    assert ended.err.startswith(f"millrace: error: {path}")
    error = json.loads(ended.out)["error"]
    assert error["exit_code"] == code
    assert said in error["message"]


HANGING = {
    "an import": ("return batch.numpy()", "import time\ntime.sleep(600)\n", "line 3"),
    "a call": ("if batch.indices[0] > 8: time.sleep(600)\nreturn batch.numpy()", "import time\n", "line 6"),
    "a loop": ("while True: pass", "", "line 5"),
}


@pytest.mark.parametrize("where", HANGING)
def test_a_script_that_hangs_is_ended(script, where):
    body, imports, line = HANGING[where]
    path = script(body, imports=imports)
    ended = check(path, "--json", "--script-timeout", "1.5")
    assert ended.code == FAILED, ended
    assert f"{path}, {line}: this has taken longer than --script-timeout 1.5; mend it, or give it more" in ended.err
    assert json.loads(ended.out)["error"]["message"].startswith(f"{path}, {line}: this has taken")


def test_one_that_keeps_the_lock_is_ended_too(script):
    """Python's own threads cannot say so then; where it stands is printed all the same."""
    body = "ctypes.PyDLL(None).sleep(600)"
    ended = check(script(body, imports="import ctypes\n"), "--script-timeout", "1")
    assert ended.code == FAILED, ended
    assert "line 6 in work" in ended.err


@pytest.mark.parametrize("where", ["the import", "a call"])
def test_ctrl_c_ends_it_with_one_line(script, tmp_path, where):
    begun = tmp_path / "begun"
    wait = f"open({str(begun)!r}, 'w').close(); time.sleep(600)"
    imports, body = ("import time\n", wait) if where == "a call" else (f"import time\n{wait}\n", "")
    path = script(f"{body}\nreturn batch.numpy()", imports=imports)
    with subprocess.Popen(command_of("script", "check", path, *PYTHON), stderr=subprocess.PIPE, text=True) as process:
        while not begun.exists():
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "millrace: interrupted\n")


def test_what_a_script_prints_is_no_part_of_the_answer(script):
    ended = check(
        script("print('loud'); os.system('echo louder')\nreturn batch.numpy()", imports="import os\n"), "--json"
    )
    assert remarks(json.loads(ended.out)) == []
    assert ended.err.count("loud\n") == ended.err.count("louder\n") == 14


def test_the_line_is_checked(script, tmp_path):
    path = script("return batch.numpy()")
    assert "no parameter is called gain" in (ended := check(path, "--set", "gain=2")).err
    assert ended.code == USAGE
    assert "cannot read the script" in (ended := check(tmp_path / "none.py")).err
    assert ended.code == BAD_INPUT
    missing = millrace("script", "check", path, "--python", tmp_path / "nothing")
    assert missing.code == USAGE
    assert "nothing could not be started: No such file or directory" in missing.err


def test_an_interpreter_without_the_package_is_told_how_to_get_it(script, tmp_path):
    alone = tmp_path / "alone"
    alone.write_text(f'#!/bin/sh\nexec {sys.executable} -I "$@"\n')
    alone.chmod(0o755)
    ended = millrace("script", "check", script("return 1"), "--python", alone)
    assert ended.code == USAGE
    assert "-m pip install . (docs/python.md)" in ended.err


def test_the_packages_own_program_does_the_same(script):
    path = script("return batch.numpy()")
    done = subprocess.run([sys.executable, "-m", "millrace", "script", "check", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "good: 14 calls" in done.stdout
