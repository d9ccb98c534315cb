"""millrace.Writer goes on where one that was interrupted stopped, to the same packets."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path

import millrace
import pytest
from tools import finished_segments, frames_of, leftovers, packet_fingerprint
from writer_frames import ENVIRONMENT, QUICK, SIZE, moving, write


def test_an_exception_leaves_no_file_and_is_gone_on_from(tmp_path, whole_writing):
    path = tmp_path / "out.mp4"

    def failing():
        with millrace.Writer(path, **SIZE, **QUICK, lanes=1) as writer:
            for number in range(110):
                if number == 100:
                    while finished_segments(path) < 1:
                        time.sleep(0.01)
                    raise ValueError("of the caller")
                writer.write(moving(number))

    with pytest.raises(ValueError, match="of the caller"):
        failing()
    assert leftovers(tmp_path) == ["out.mp4.millrace"]
    with millrace.Writer(path, **SIZE, **QUICK) as writer:
        assert writer.frames_done >= 25
        assert writer.frames_done % 25 == 0
        writer.start_at(writer.frames_done)
        assert writer.next_frame == writer.frames_done
        for number in range(writer.frames_done, 110):
            writer.write(moving(number))
    assert writer.report.segments.reused >= 1
    assert packet_fingerprint(path) == packet_fingerprint(whole_writing)
    assert leftovers(tmp_path) == ["out.mp4"]


def test_a_segment_whose_successor_never_came_is_not_finished(tmp_path, whole_writing):
    """Its last frames are encoded with those after it in view."""
    path = tmp_path / "out.mp4"
    writer = millrace.Writer(path, **SIZE, **QUICK)
    for number in range(100):
        writer.write(moving(number))
    while finished_segments(path) < 3:
        time.sleep(0.01)
    time.sleep(0.3)  # the fourth waits for the head of the fifth
    writer.abort()
    assert finished_segments(path) == 3
    write(path, range(110))
    assert packet_fingerprint(path) == packet_fingerprint(whole_writing)


PRODUCER = """
import sys, millrace
sys.path.insert(0, {folder!r})
from writer_frames import QUICK, SIZE, moving
with millrace.Writer(sys.argv[1], **SIZE, **QUICK) as writer:
    for number in range(110):
        writer.write(moving(number))
        if number == 90:
            print("there", flush=True)
            sys.stdin.read()
"""


def producer(path):
    script = PRODUCER.format(folder=str(Path(__file__).parent))
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", script, str(path)], env=ENVIRONMENT, **pipes)


@pytest.mark.parametrize("announced", [True, False])
def test_a_killed_process_is_gone_on_from(tmp_path, whole_writing, announced):
    """With start_at(), or by handing over everything again."""
    path = tmp_path / "out.mp4"
    process = producer(path)
    assert process.stdout.readline() == "there\n", process.stderr.read()
    while finished_segments(path) < 2:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    process.kill()
    process.communicate()
    with millrace.Writer(path, **SIZE, **QUICK) as writer:
        begin = writer.frames_done
        assert begin >= 25
        if announced:
            writer.start_at(begin)
        for number in range(begin if announced else 0, 110):
            writer.write(moving(number))
    assert writer.report.segments.reused >= 2
    assert packet_fingerprint(path) == packet_fingerprint(whole_writing)


def test_other_settings_are_refused(tmp_path):
    path = tmp_path / "out.mp4"
    with contextlib.suppress(ZeroDivisionError), millrace.Writer(path, **SIZE, **QUICK) as writer:
        for number in range(100):
            writer.write(moving(number))
        while finished_segments(path) < 1:
            time.sleep(0.01)
        _ = 1 / 0
    with pytest.raises(millrace.UsageError, match=r"-crf was default, now 30.*--restart"):
        millrace.Writer(path, **SIZE, **QUICK, crf=30)
    write(path, range(3), crf=30, restart=True)
    assert len(frames_of(path)) == 3


def test_other_settings_where_nothing_is_finished(tmp_path):
    path = tmp_path / "out.mp4"
    with contextlib.suppress(ZeroDivisionError), millrace.Writer(path, **SIZE, **QUICK) as writer:
        writer.write(moving(0))
        _ = 1 / 0
    assert leftovers(tmp_path) == ["out.mp4.millrace"]
    write(path, range(3), crf=30)
    assert len(frames_of(path)) == 3
    assert leftovers(tmp_path) == ["out.mp4"]


def test_start_at_beyond_what_is_there(tmp_path):
    with millrace.Writer(tmp_path / "out.mp4", **SIZE, **QUICK) as writer:
        with pytest.raises(millrace.UsageError, match=r"start_at\(1\): 0 frames are on disk"):
            writer.start_at(1)
        writer.write(moving(0))
        with pytest.raises(millrace.UsageError, match="before the first one"):
            writer.start_at(0)


def test_an_earlier_writer_that_had_more(tmp_path):
    path = tmp_path / "out.mp4"
    with contextlib.suppress(ZeroDivisionError), millrace.Writer(path, **SIZE, **QUICK, lanes=1) as writer:
        for number in range(100):
            writer.write(moving(number))
        while finished_segments(path) < 1:
            time.sleep(0.01)
        _ = 1 / 0
    with pytest.raises(millrace.UsageError, match=r"10 frames were written, but .* hold 25"):
        write(path, range(10))
