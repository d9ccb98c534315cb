"""What the report says of Python's lock: whether a script stands behind other threads, by samples."""

from __future__ import annotations

import json

import pytest
from script_runs import PYTHON, processor, refused, run
from tools import FAILED, ffmpeg, millrace, pattern, run_job, x264

BUSY = "end = time.monotonic() + 0.3\nwhile time.monotonic() < end:\n    sum(range(1000))\n"
OTHERS = """
import threading

def spin():
    while True:
        sum(range(1000))

for _ in range(2):
    threading.Thread(target=spin, daemon=True).start()
"""


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    ffmpeg(*pattern("64x36", 1), *x264(), path)
    return path


def script_report(film, tmp_path, text, *options):
    script = tmp_path / "work.py"
    script.write_text(text)
    words = ["--script", script, *PYTHON, "-c:v", "ffv1", "--segment-length", "0.5", *options]
    return run_job(film, tmp_path / "out.mkv", *words).report["script"]


def test_a_script_alone_with_python_stands_behind_nobody(film, tmp_path):
    gil = script_report(film, tmp_path, processor(BUSY + "return batch.numpy()"))["gil"]
    assert gil["samples"] > 10
    assert gil["waited_share"] > 0.5  # whoever asks waits until the script gives the lock up, after 5 ms
    assert gil["held_up_share"] == 0
    assert 0 < gil["wait_p50_seconds"] <= gil["wait_p95_seconds"]


def test_other_threads_of_python_are_told_of(film, tmp_path):
    text = processor(BUSY + "return batch.numpy()") + OTHERS
    gil = script_report(film, tmp_path, text)["gil"]
    assert gil["samples"] > 10
    assert gil["held_up_share"] > 0.2  # two of three threads that want it
    assert gil["held_up_share"] <= gil["waited_share"]
    script = tmp_path / "work.py"
    said = run(film, tmp_path / "again.mkv", script, "-c:v", "ffv1").err
    assert "while other threads had Python's lock (sampled); with --script-workers every process has its own" in said


def test_a_script_that_computes_without_the_lock_is_not_held_up(film, tmp_path):
    text = processor("time.sleep(0.2)\nreturn batch.numpy()")
    gil = script_report(film, tmp_path, text)["gil"]
    assert gil["samples"] > 10
    assert gil["held_up_share"] == 0
    assert gil["waited_share"] < 0.5


def test_samples_of_several_processes_are_added_up(film, tmp_path):
    text = processor("time.sleep(0.2)\nreturn batch.numpy()")
    alone = script_report(film, tmp_path, text)["gil"]["samples"]
    both = script_report(film, tmp_path, text, "--script-workers", "2", "-y")["gil"]["samples"]
    assert both > alone / 2


def test_where_there_was_no_time_for_a_sample_there_is_none(film, tmp_path):
    report = script_report(film, tmp_path, processor("return batch"), "--frames", "4")
    assert report["calls"] > 0
    assert report["gil"] is None or report["gil"]["samples"] > 0


def test_a_generator(tmp_path):
    text = "import time, numpy\nfrom millrace import generator\n\n"
    text += "@generator(size=(64, 36), frame_rate=25, frames=5)\ndef made():\n    for _ in range(5):\n"
    text += '        time.sleep(0.1)\n        yield numpy.zeros((3, 36, 64), "float32")\n'
    script, report = tmp_path / "made.py", tmp_path / "report.json"
    script.write_text(text)
    words = ["-o", tmp_path / "out.mkv", "--script", script, *PYTHON, "-c:v", "ffv1", "--report", report]
    ended = millrace("run", *words)
    assert ended.code == 0, ended
    gil = json.loads(report.read_text())["script"]["gil"]
    assert gil["samples"] > 5
    assert gil["held_up_share"] == 0


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_of_the_script_s_own_live_beside_the_samples(film, tmp_path, method):
    body = f"""
import multiprocessing
child = multiprocessing.get_context("{method}").Process(target=time.sleep, args=(0.05,))
child.start()
child.join()
assert child.exitcode == 0
return batch.numpy()
"""
    assert script_report(film, tmp_path, processor(body), "--frames", "8")["gil"]["samples"] > 0


@pytest.mark.parametrize(
    "end", ["raise RuntimeError", "raise KeyboardInterrupt", "sys.exit(3)", "os._exit(3)", "os.kill(os.getpid(), 11)"]
)
def test_a_script_that_ends_early_ends(film, tmp_path, end):
    script = tmp_path / "work.py"
    script.write_text(processor(BUSY + f"if 12 in batch.indices:\n    {end}\nreturn batch.numpy()") + OTHERS)
    assert "work.py" in refused(film, tmp_path / "out.mkv", script, FAILED)
