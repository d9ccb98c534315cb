"""millrace.run(): the program's packets, progress, and runs that are stopped."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time

import millrace
import pytest
from tools import ROOT, leftovers, packet_fingerprint, run_job

SAMPLE = ROOT / "samples/bbb.mp4"
SMALL = {"preset": "slow", "crf": 30, "segment_length": 0.5}
SMALL_WORDS = ["-preset", "slow", "-crf", "30", "--segment-length", "0.5"]


@pytest.fixture(scope="session")
def whole(film, tmp_path_factory):
    """The film as the program makes it, in one go."""
    output = tmp_path_factory.mktemp("whole") / "out.mp4"
    run_job(film, output, *SMALL_WORDS)
    return output


def assert_goes_on(film, output, whole):
    report = millrace.run(film, output, **SMALL)
    assert report.segments.reused >= 1
    assert packet_fingerprint(output) == packet_fingerprint(whole)
    assert leftovers(output.parent) == [output.name]


def test_the_packets_are_the_programs(tmp_path):
    ours, programs = tmp_path / "ours.mkv", tmp_path / "programs.mkv"
    report = millrace.run(SAMPLE, ours, frames=30, start=1.0, crf=28.5, preset="ultrafast", pad=True, threads=2)
    run_job(
        SAMPLE, programs, "--frames", 30, "-ss", "1", "-crf", "28.5", "-preset", "ultrafast", "--pad", "-threads", 2
    )
    assert packet_fingerprint(ours) == packet_fingerprint(programs)
    assert report.frames.muxed == 30
    assert report.output == str(ours)


def test_a_model_runs(tmp_path):
    model = ROOT / "models/shot_change.onnx"
    ours, programs = tmp_path / "ours.jsonl", tmp_path / "programs.jsonl"
    report = millrace.run(str(SAMPLE), str(ours), model=model, frames=10, batch=2)
    run_job(SAMPLE, programs, "-m", model, "--frames", 10, "--batch", 2)
    assert ours.read_text() == programs.read_text()
    assert report.runtime.startswith("ONNX Runtime ")


def test_a_path_need_not_be_utf8(tmp_path):
    output = bytes(tmp_path) + b"/\xff.mkv"
    millrace.run(SAMPLE, output, frames=2, preset="ultrafast")
    with pytest.raises(millrace.UsageError, match=re.escape("\udcff.mkv")):
        millrace.run(SAMPLE, output, frames=2)


def test_progress(film, tmp_path):
    seen, threads = [], set()

    def progress(now: millrace.Progress) -> None:
        threads.add(threading.get_ident())
        seen.append((now.phase, now.frames_done, now.frames_total, now.frames_reused))

    millrace.run(film, tmp_path / "out.mp4", progress=progress, **SMALL)
    assert threads == {threading.get_ident()}
    assert seen[-1] == ("done", 200, 200, 0)
    assert [done for _, done, _, _ in seen] == sorted(done for _, done, _, _ in seen)


def test_the_last_progress_counts_all_frames(tmp_path):
    seen = []
    millrace.run(SAMPLE, tmp_path / "out.mkv", frames=5, preset="ultrafast", progress=seen.append)
    assert (seen[-1].phase, seen[-1].frames_done) == ("done", 5)


def test_other_threads_go_on(film, tmp_path):
    """The interpreter is free during a run: a thread gets many turns between two looks at the run."""
    ended, turns, at_a_look = threading.Event(), [0], []

    def work() -> None:
        while not ended.is_set():
            turns[0] += 1

    thread = threading.Thread(target=work)
    thread.start()
    try:
        millrace.run(film, tmp_path / "out.mp4", progress=lambda _: at_a_look.append(turns[0]), **SMALL)
    finally:
        ended.set()
        thread.join()
    assert len(at_a_look) > 1
    assert at_a_look[-1] > at_a_look[0]


def test_an_error_of_progress_stops_the_run(film, tmp_path, whole):
    output = tmp_path / "out.mp4"

    def progress(now: millrace.Progress) -> None:
        if now.frames_done > 20:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        millrace.run(film, output, progress=progress, lanes=1, **SMALL)
    assert leftovers(tmp_path) == ["out.mp4.millrace"]
    assert_goes_on(film, output, whole)


def test_a_run_that_is_asked_to_stop(film, tmp_path, whole):
    output, stop = tmp_path / "out.mp4", threading.Event()

    def progress(now: millrace.Progress) -> None:
        if now.frames_done > 20:
            stop.set()

    with pytest.raises(millrace.InterruptedRun) as raised:
        millrace.run(film, output, progress=progress, stop=stop, lanes=1, **SMALL)
    assert (raised.value.code, raised.value.exit_code) == ("interrupted", 130)
    assert_goes_on(film, output, whole)


def test_ctrl_c(film, tmp_path, whole):
    """A KeyboardInterrupt out of run(), in a process of its own, which Python then ends by the signal."""
    output = tmp_path / "out.mp4"
    script = f"import millrace; millrace.run({str(film)!r}, {str(output)!r}, lanes=1, **{SMALL!r})"
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True)
    journal = tmp_path / "out.mp4.millrace/journal"
    while process.poll() is None and (not journal.exists() or journal.read_bytes().count(b"\n") < 3):
        time.sleep(0.002)
    assert process.poll() is None, process.stderr.read()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert err.strip().endswith("KeyboardInterrupt")
    assert leftovers(tmp_path) == ["out.mp4.millrace"]
    assert_goes_on(film, output, whole)


def test_a_trace(tmp_path):
    millrace.run(SAMPLE, tmp_path / "out.mkv", frames=2, preset="ultrafast", trace=tmp_path / "trace.json")
    assert '"traceEvents"' in (tmp_path / "trace.json").read_text()
