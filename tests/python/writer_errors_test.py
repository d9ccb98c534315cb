"""What millrace.Writer refuses, what fails in its threads, and how it ends."""

from __future__ import annotations

import gc
import signal
import subprocess
import sys
import textwrap
import threading
import time

import millrace
import numpy as np
import pytest
from tools import frames_of, leftovers
from writer_frames import ENVIRONMENT, HEIGHT, QUICK, SIZE, WIDTH, moving, python, write

WIDE = np.zeros((3, HEIGHT, WIDTH + 1), "f4")


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        (WIDE, r"expected float32 \[3, 64, 96\] or \[N, 3, 64, 96\], found float32 \[3, 64, 97\]"),
        (np.zeros((HEIGHT, WIDTH, 3), "f4"), r"found float32 \[64, 96, 3\]"),
        (np.zeros((2, 2, 3, HEIGHT, WIDTH), "f4"), r"found float32 \[2, 2, 3, 64, 96\]"),
        (np.zeros((3, HEIGHT, WIDTH)), r"found float64 \[3, 64, 96\]"),
        (np.zeros((3, HEIGHT, WIDTH), "u1"), r"found uint8 \[3, 64, 96\]"),
        ("frame", "expected an array .* found str"),
        (None, "expected an array .* found NoneType"),
    ],
)
def test_frames_that_are_not_as_declared(tmp_path, frames, said):
    with millrace.Writer(tmp_path / "out.mp4", **SIZE, **QUICK) as writer:
        writer.write(moving(0))
        with pytest.raises(millrace.UsageError, match=said):
            writer.write(frames)
        writer.write(moving(1))
    assert len(frames_of(tmp_path / "out.mp4")) == 2


def test_after_close(tmp_path):
    writer = write(tmp_path / "out.mp4", range(2))
    with pytest.raises(millrace.UsageError, match=r"out\.mp4: was closed; it takes no more frames"):
        writer.write(moving(2))


def test_times_that_are_wrong(tmp_path):
    with millrace.Writer(tmp_path / "out.mp4", **SIZE, **QUICK, time_base="1/90000") as writer:
        with pytest.raises(millrace.UsageError, match="frame 0 has none"):
            writer.write(moving(0))
        writer.write(moving(0), pts=10)
        for wrong in (10, 3):
            with pytest.raises(millrace.UsageError, match=rf"frame 1 has {wrong}, which is not after 10"):
                writer.write(moving(1), pts=wrong)
        with pytest.raises(millrace.UsageError, match="expected one for each of 2 frames, found 1"):
            writer.write(np.stack([moving(1), moving(2)]), pts=[11])
        writer.write(moving(1), pts=11)
    assert len(frames_of(tmp_path / "out.mp4")) == 2


def test_times_that_were_not_declared(tmp_path):
    with millrace.Writer(tmp_path / "out.mp4", **SIZE, **QUICK) as writer:
        with pytest.raises(millrace.UsageError, match="declare time_base="):
            writer.write(moving(0), pts=5)
        writer.write(moving(0))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"width": 0}, "width: expected a whole number from 1 to 65536, found 0"),
        ({"height": 2.5}, "height: expected a whole number"),
        ({"frame_rate": 0}, "frame_rate: expected a number above 0"),
        ({"frame_rate": "fast"}, "frame_rate: expected a number above 0"),
        ({"time_base": "1/0"}, "time_base: expected"),
        ({"color": "yuv"}, "color: expected rgb, bgr, luma, found 'yuv'"),
        ({"dtype": "float64"}, "dtype: expected float32, float16, uint8"),
        ({"layout": "chw"}, "layout: expected nchw, nhwc"),
        ({"range": 2}, "range: expected 1 or 255"),
        ({"range": 1, "dtype": "uint8"}, "range: uint8 frames go from 0 to 255"),
        ({"color_matrix": "bt2077"}, "--color-matrix bt2077: unknown; use one of"),
        ({"color_primaries": "bt2077"}, "color_primaries bt2077: unknown"),
        ({"video_codec": "libx246"}, "libx246"),
        ({"width": 95}, "even width"),
        ({"device": "tpu"}, "tpu"),
        ({"memory": "much"}, "--memory"),
    ],
)
def test_declarations_that_are_refused(tmp_path, words, said):
    with pytest.raises(millrace.UsageError, match=said):
        millrace.Writer(tmp_path / "out.mp4", **{**SIZE, **words})
    assert leftovers(tmp_path) == []


@pytest.mark.filterwarnings("error")
def test_what_was_never_opened_is_not_warned_of(tmp_path, recwarn):
    with pytest.raises(millrace.UsageError):
        millrace.Writer(tmp_path / "no" / "out.mp4", **SIZE)
    gc.collect()
    assert not recwarn


def test_an_unknown_argument(tmp_path):
    with pytest.raises(TypeError, match="crff"):
        millrace.Writer(tmp_path / "out.mp4", **SIZE, crff=20)


def test_outputs_that_are_refused(tmp_path):
    (tmp_path / "there.mp4").write_bytes(b"mine")
    for name, said in {"there.mp4": "exists already; -y", "no/out.mp4": "no such folder", "out.xyz": "xyz"}.items():
        with pytest.raises(millrace.UsageError, match=said):
            millrace.Writer(tmp_path / name, **SIZE)
    assert (tmp_path / "there.mp4").read_bytes() == b"mine"
    with pytest.raises(millrace.UsageError, match="name one"):
        millrace.Writer("-", **SIZE)


def test_no_frame_at_all(tmp_path):
    with (
        pytest.raises(millrace.UsageError, match="no frame was written"),
        millrace.Writer(tmp_path / "out.mp4", **SIZE, **QUICK),
    ):
        pass
    assert not (tmp_path / "out.mp4").exists()


def test_two_writers_of_one_output(tmp_path):
    with millrace.Writer(tmp_path / "out.mp4", **SIZE, **QUICK) as writer:
        with pytest.raises(millrace.UsageError, match="another process works on this output"):
            millrace.Writer(tmp_path / "out.mp4", **SIZE, **QUICK)
        writer.write(moving(0))


def test_the_encoders_error_is_raised(tmp_path):
    """The work folder is gone: no segment can be written, and which of two fails first is the threads' affair."""
    path = tmp_path / "out.mp4"

    def lost():
        with millrace.Writer(path, **SIZE, **QUICK) as writer:
            for entry in (tmp_path / "out.mp4.millrace").iterdir():
                entry.unlink()
            (tmp_path / "out.mp4.millrace").rmdir()
            for number in range(30):
                writer.write(moving(number))

    with pytest.raises(millrace.Error, match=r"out\.mp4\.millrace/segment-00000[01].*No such file"):
        lost()
    assert not path.exists()


def test_nothing_works_after_a_fork(tmp_path):
    script = f"""
    import os, millrace, numpy as np
    frame = np.zeros((3, {HEIGHT}, {WIDTH}), "f4")
    writer = millrace.Writer({str(tmp_path / "out.mp4")!r}, **{SIZE!r})
    writer.write(frame)
    child = os.fork()
    if child == 0:
        for call in (lambda: writer.write(frame), writer.close, lambda: writer.frames_done):
            try:
                call()
            except millrace.UsageError as error:
                assert "forked" in str(error), error
            else:
                os._exit(3)
        raise SystemExit(0)  # destructors run
    assert os.waitpid(child, 0)[1] == 0
    writer.write(frame)
    print(writer.close().frames.muxed)
    """
    done = python(script)
    assert (done.returncode, done.stdout) == (0, "2\n"), done.stderr


def test_one_that_is_forgotten(tmp_path):
    """Not closed: a warning, no file, and the interpreter ends."""
    script = f"""
    import millrace, numpy as np
    def forget():
        writer = millrace.Writer({str(tmp_path / "out.mp4")!r}, **{SIZE!r})
        writer.write(np.zeros((3, {HEIGHT}, {WIDTH}), "f4"))
    forget()
    kept = millrace.Writer({str(tmp_path / "kept.mp4")!r}, **{SIZE!r})
    kept.write(np.zeros((3, {HEIGHT}, {WIDTH}), "f4"))
    """
    done = python(script, options=["-W", "default"])
    assert done.returncode == 0, done.stderr
    assert "out.mp4: its Writer was never closed; there is no file" in done.stderr
    assert "leaked" not in done.stderr
    assert leftovers(tmp_path) == ["kept.mp4.millrace", "out.mp4.millrace"]


def test_ctrl_c_reaches_a_blocked_writer(tmp_path):
    """An encoder that is far behind, and little room."""
    script = f"""
    import millrace, numpy as np
    frame = np.random.default_rng(1).uniform(0, 1, (3, 180, 320)).astype("f4")
    print("there", flush=True)
    with millrace.Writer({str(tmp_path / "out.mp4")!r}, width=320, height=180, frame_rate=25, preset="placebo",
                         memory="1M") as writer:
        while True:
            writer.write(frame)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=ENVIRONMENT,
    )  # fmt: skip
    assert process.stdout.readline() == "there\n"
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert err.strip().endswith("KeyboardInterrupt")
    assert leftovers(tmp_path) in ([], ["out.mp4.millrace"])


def test_memory_is_bounded(tmp_path):
    """Of 130 MiB of pictures, handed over faster than they are encoded, few are ever there."""
    script = f"""
    import millrace, resource, numpy as np
    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    frame = np.random.default_rng(1).integers(0, 256, (1, 360, 640), dtype=np.uint8)
    with millrace.Writer({str(tmp_path / "out.mkv")!r}, width=640, height=360, frame_rate=25, color="luma",
                         dtype="uint8", video_codec="ffv1", threads=1, memory="16M", lanes=1) as writer:
        writer.write(frame)
        before = peak()
        for _ in range(399):
            writer.write(frame)
    (write,) = (stage for stage in writer.report.stages if stage.name == "write")
    assert write.wait_output_seconds > 0
    print(peak() - before)
    """
    done = python(script)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 70 * 1024  # KiB


NOISE = np.random.default_rng(1).integers(0, 256, (20, 720, 1280, 3), dtype=np.uint8)
LARGE = {"width": 1280, "height": 720, "frame_rate": 25, "dtype": "uint8", "layout": "nhwc", "video_codec": "ffv1"}


def test_other_threads_run_while_the_writer_blocks(tmp_path):
    ended = threading.Event()
    turns = 0

    def turn():
        nonlocal turns
        while not ended.is_set():
            turns += 1
            time.sleep(0.001)

    thread = threading.Thread(target=turn)
    thread.start()
    try:
        with millrace.Writer(tmp_path / "out.mkv", **LARGE, threads=1, memory="16M", lanes=1) as writer:
            before = turns
            for _ in range(5):
                writer.write(NOISE)
            during = turns - before
    finally:
        ended.set()
        thread.join()
    (write,) = (stage for stage in writer.report.stages if stage.name == "write")
    assert write.wait_output_seconds > 0
    assert during > 10


def test_two_threads_at_once(tmp_path):
    """Both write until one comes while the other is at it: what is refused is written nowhere."""
    refused, written = [], []
    with millrace.Writer(tmp_path / "out.mkv", **LARGE) as writer:

        def push():
            while not refused:
                try:
                    writer.write(NOISE)
                    written.append(len(NOISE))
                except millrace.UsageError as error:
                    refused.append(str(error))

        threads = [threading.Thread(target=push) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert all("another thread is in write" in message for message in refused)
    assert writer.report.frames.muxed == sum(written)
