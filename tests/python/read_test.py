"""Frames that millrace.read gives: in order, by index and by time, against a script's, ffmpeg's and one another."""

from __future__ import annotations

import base64
import hashlib
import json
import pickle
import random
import subprocess
import sys
import threading
from fractions import Fraction
from pathlib import Path

import clips
import millrace
import numpy as np
import pytest
from tools import ROOT, ffmpeg, frames_of, times
from tools import millrace as program

SAMPLE = ROOT / "samples/bbb.mp4"
# Variable rate, open GOPs, a start that is not zero, an edit list, B-frames, MPEG-TS.
INDEXED = [
    "cfr", "b_pyramid", "open_gop", "open_gop_mkv", "vfr", "vfr_mkv", "ten_bit", "grey", "interlaced", "hevc_open_gop",
    "mpeg_ts", "mpeg_ts_open", "mpeg2_ts", "vp9", "av1", "start_offset", "start_offset_mkv", "start_offset_ts",
    "pts_wrap", "fragmented_mp4", "odd_420", "edit_list",
]  # fmt: skip
UNINDEXED = ["gradual_refresh", "avi", "raw_h264", "two_joined"]


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("clips")


def digest(array):
    return hashlib.sha256(np.ascontiguousarray(array)).hexdigest()


def in_order(clip):
    """Digest, index and pts of every frame."""
    return [
        (digest(frame), index, pts)
        for batch in clip
        for frame, index, pts in zip(batch.numpy(), batch.indices, batch.pts, strict=True)
    ]


def of_batch(batch):
    return [
        (digest(frame), index, pts) for frame, index, pts in zip(batch.numpy(), batch.indices, batch.pts, strict=True)
    ]


def of_frame(frame):
    return digest(frame.numpy()), frame.index, frame.pts


def luma(path):
    """8-bit luma planes as they are stored, of a clip that is read in another way than ours."""
    return ffmpeg("-noautorotate", "-i", path, "-vsync", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", "-")


@pytest.mark.parametrize("name", INDEXED + UNINDEXED)
def test_any_frame_is_that_of_the_sequence(folder, name):
    path = clips.make(folder, name)
    expected = frames_of(path)
    with millrace.read(path, batch=7) as clip:
        assert bool(clip.one_segment_reason) == (name in UNINDEXED)
        whole = in_order(clip)
        assert [index for _, index, _ in whole] == list(range(len(expected)))
        assert len(clip) == len(expected)
        assert clip.pts == [pts for _, _, pts in whole]
        if name != "two_joined":  # whose times run back: they were given others
            assert [pts * clip.time_base for pts in clip.pts] == times(expected)
        numbers = list(range(len(whole)))
        random.Random(7).shuffle(numbers)
        for number in numbers[:: 5 if name in UNINDEXED else 2]:
            assert of_frame(clip[number]) == whole[number]
        assert of_frame(clip[-1]) == whole[-1]
        assert of_frame(clip[-len(whole)]) == whole[0]
        assert of_batch(clip[20:3:-4]) == whole[20:3:-4]
        assert of_batch(clip.frames([40, 2, -1, 2, 41])) == [whole[i] for i in (40, 2, -1, 2, 41)]


@pytest.mark.parametrize("name", ["vfr", "start_offset_ts", "edit_list", "avi"])
def test_times(folder, name):
    with millrace.read(clips.make(folder, name)) as clip:
        pts, base = clip.pts, clip.time_base
        for number, ticks in enumerate(pts):
            exact = (ticks - pts[0]) * base
            assert clip.at(exact).index == number
            assert clip.at(float(exact)).pts == ticks
            if number > 0:
                assert clip.at(exact - base).index == number - 1
        assert clip.at(0).index == 0
        end = Fraction(clip.duration).limit_denominator(1_000_000)
        assert clip.at(end - base).index == len(clip) - 1
        for outside in (end, -base, -1.0, 1e9, float("inf"), float("-inf")):
            with pytest.raises(IndexError, match="outside"):
                clip.at(outside)
        with pytest.raises(ValueError, match="NaN"):
            clip.at(float("nan"))


def test_outside_is_an_index_error(film):
    with millrace.read(film) as clip:
        for index in (200, -201, 10**12):
            with pytest.raises(IndexError, match=f"film.mp4: frame {index} is outside: the clip has 200 frames"):
                clip[index]
        with pytest.raises(IndexError):
            clip.frames([0, 200])
        for index in ("1", 1.0, None):
            with pytest.raises(TypeError):
                clip[index]
        assert clip[190:1000].indices == tuple(range(190, 200))
        empty = clip[5:5]
        assert (len(empty), empty.numpy().shape) == (0, (0, 3, 180, 320))
        assert clip[np.int64(3)].index == 3


SCRIPT = """
import hashlib
from millrace import analyser

@analyser(batch=4, {arguments})
def say(batch):
    names = [hashlib.sha256(frame.tobytes()).hexdigest() for frame in batch.numpy()]
    return [list(each) for each in zip(names, batch.indices, batch.pts, batch.seconds)]
"""


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"color": "bgr", "layout": "nhwc", "range": 255, "size": (64, 50), "fit": "letterbox"},
        {"color": "luma", "dtype": "float16"},
        {"size": (33, 47), "fit": "crop", "start": 0.5, "duration": 1.5},
    ],
)
@pytest.mark.parametrize("name", ["open_gop", "ten_bit", "start_offset_ts"])
def test_frames_are_those_of_a_script(folder, tmp_path, name, options):
    path = clips.make(folder, name)
    declared = {key: value for key, value in options.items() if key not in ("start", "duration")}
    others = [word for key in ("start", "duration") if key in options for word in (f"--{key}", options[key])]
    script, output = tmp_path / "say.py", tmp_path / "out.jsonl"
    script.write_text(SCRIPT.format(arguments=", ".join(f"{key}={value!r}" for key, value in declared.items())))
    ended = program("run", "-i", path, "-o", output, "--script", script, "--python", sys.executable, *others)
    assert ended.code == 0, ended
    expected = [json.loads(line)["result"] for line in output.read_text().splitlines()]
    clip = millrace.read(path, batch=5, **options)
    found = [
        [hashlib.sha256(frame.tobytes()).hexdigest(), *stamp]
        for batch in clip
        for frame, *stamp in zip(batch.numpy(), batch.indices, batch.pts, batch.seconds, strict=True)
    ]
    assert found == expected
    assert len(clip) == len(expected)


def test_luma_is_the_stored_one(folder):
    path = clips.make(folder, "full_range")
    stored = np.frombuffer(luma(path), np.uint8).reshape(-1, 1, 64, 96)
    found = np.concatenate([batch.numpy() for batch in millrace.read(path, color="luma", range=255, batch=16)])
    assert np.allclose(found, stored, rtol=0, atol=1e-4)


@pytest.mark.parametrize("lanes", [1, 2, 5])
def test_lanes_change_nothing(film, lanes):
    expected = in_order(millrace.read(film, batch=3))
    clip = millrace.read(film, batch=64, lanes=lanes)
    assert in_order(clip) == expected
    assert in_order(clip) == expected, "once more"


def test_two_iterations_at_once(film):
    clip = millrace.read(film, batch=50)
    for one, other in zip(clip, clip, strict=True):
        assert of_batch(one) == of_batch(other)
        assert of_frame(clip[one.indices[3]]) == of_batch(one)[3]


def test_batches_may_be_kept_and_written_to(film):
    clip = millrace.read(film, batch=8)
    kept = list(clip)
    assert [len(batch) for batch in kept] == [8] * 25
    first = in_order(kept)
    for batch in kept[1:]:
        batch.numpy()[:] = 0
    assert in_order(clip) == first
    clip.close()
    assert of_batch(kept[0]) == first[:8]
    array = kept[0].numpy()
    assert array.__array_interface__["data"][0] == kept[0].tensor.__array_interface__["data"][0]
    assert array.__array_interface__["data"][0] % 256 == 0


def test_what_it_is(folder):
    clip = millrace.read(clips.make(folder, "vfr"))
    assert (clip.width, clip.height, clip.frame_size, clip.codec, clip.device) == (96, 64, (96, 64), "h264", "cpu")
    assert clip.time_base == Fraction(1, 90000)
    assert clip.colour["matrix"] == ("smpte170m", "rule")
    assert clip.duration == pytest.approx(4, abs=0.1)
    assert isinstance(clip.frame_rate, Fraction)
    assert "vfr.mp4" in repr(clip)


def test_a_notebook_shows_it(film):
    shown = millrace.read(film)._repr_html_()
    assert "<td>320 x 180</td>" in shown
    assert "<td>200 in 8.000 s</td>" in shown
    picture = shown.partition("base64,")[2].partition('"')[0]
    png = base64.b64decode(picture)
    made = ffmpeg("-f", "png_pipe", "-i", "-", "-f", "rawvideo", "-pix_fmt", "rgb24", "-", stdin=png)
    frame = millrace.read(film, layout="nhwc", range=255)[100].numpy()
    assert made == np.rint(frame).clip(0, 255).astype(np.uint8).tobytes()


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"color": "rbg"}, millrace.UsageError, "read()'s color: expected rgb, bgr, luma, y, found 'rbg'"),
        ({"batch": 0}, millrace.UsageError, "read()'s batch: expected a whole number from 1 to 1024, found 0"),
        ({"batch": 1024, "memory": "64M"}, millrace.UsageError, "give a smaller batch or size, or more --memory"),
        ({"device": "tpu"}, millrace.UsageError, "--device tpu: expected cpu, cuda"),
        ({"start": 100}, millrace.UsageError, "no frame lies within -ss and -t"),
        ({"crf": 20}, TypeError, "unexpected keyword argument 'crf'"),
    ],
)
def test_what_is_asked_wrongly_is_said(film, options, error, said):
    with pytest.raises(error) as caught:
        millrace.read(film, **options)
    assert said in str(caught.value)


def test_files_that_are_none(tmp_path):
    with pytest.raises(millrace.BadInputError, match=r"none\.mp4"):
        millrace.read(tmp_path / "none.mp4")
    with pytest.raises(millrace.UsageError, match="standard input"):
        millrace.read("-")


def test_more_than_memory_holds(film):
    with pytest.raises(millrace.Error, match=r"film\.mp4: 200 frames at once take 131 MiB, and 8 MiB may be used"):
        millrace.read(film, memory="8M")[:]
    # Each two-batch window fits.
    assert len(in_order(millrace.read(film, memory="8M", batch=6))) == 200


def damaged(film, tmp_path):
    """A GOP in the middle overwritten."""
    path = tmp_path / "damaged.mp4"
    data = bytearray(film.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = random.Random(3).randbytes(3000)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("policy", ["conceal", "drop"])
def test_damage_is_as_in_a_run(film, tmp_path, policy):
    path, report = damaged(film, tmp_path), tmp_path / "report.json"
    ended = program(
        "run", "-i", path, "-o", tmp_path / "out.mkv", "-c:v", "ffv1", "--on-corrupt", policy, "--report", report
    )
    assert ended.code == 0, ended
    told = json.loads(report.read_text())["frames"]
    clip = millrace.read(path, on_corrupt=policy, batch=9)
    read = in_order(clip)
    losses = clip.losses
    assert len(read) == told["encoded"]
    assert losses
    assert losses.decode_errors > 0
    for what in ("corrupt_pts", "dropped_pts", "missing_pts", "reshaped", "retimed"):
        assert getattr(losses, what) == told[what], what
    gone = {*losses.dropped_pts, *losses.missing_pts}
    assert [pts for _, _, pts in read] == [pts for pts in clip.pts if pts not in gone]
    assert all(clip.pts[index] == pts for _, index, pts in read)
    for pts in gone:
        with pytest.raises(millrace.BadInputError, match=r"damaged\.mp4: frame \d+ is not there"):
            clip[clip.pts.index(pts)]
    with pytest.raises(millrace.RefusedError, match="strict"):
        list(millrace.read(path, on_corrupt=policy, strict=True))


def test_the_first_damaged_frame_is_an_error_behind_those_before_it(film, tmp_path):
    clip = millrace.read(damaged(film, tmp_path), on_corrupt="fail")
    seen: list[int] = []
    with pytest.raises(millrace.BadInputError, match=r"damaged\.mp4: the frame at pts \d+ is damaged"):
        seen.extend(index for batch in clip for index in batch.indices)
    assert seen == list(range(len(seen)))
    assert len(seen) > 50


def threads():
    return len(list(Path("/proc/self/task").iterdir()))


def test_threads_end_soon(film):
    before = threads()
    clip = millrace.read(film)
    for batch in clip:
        assert batch.indices == (0,)
        break
    assert threads() == before, "left by break"
    kept = iter(clip)
    next(kept)
    assert threads() > before
    del kept
    assert threads() == before, "collected"
    with clip:
        kept = iter(clip)
        next(kept)
    with pytest.raises(millrace.UsageError, match="is closed"):
        clip[0]
    with pytest.raises(millrace.UsageError, match="is closed"):
        list(kept)
    assert threads() == before, "closed"


def test_closing_wakes_who_waits(film):
    clip = millrace.read(film)
    waiting = iter(clip)
    clip.close()
    clip.close()
    with pytest.raises(millrace.UsageError, match=r"film\.mp4: is closed"):
        next(waiting)


def test_other_threads_run_meanwhile(film):
    """Frames by index from several threads at once are those of one."""
    clip = millrace.read(film)
    expected = in_order(clip)
    found = {}

    def work(numbers):
        for number in numbers:
            found[number] = of_frame(clip[number])

    workers = [threading.Thread(target=work, args=(range(start, 200, 40),)) for start in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == 20
    assert all(expected[number] == frame for number, frame in found.items())


FORKED = """
import os, sys, millrace
clip = millrace.read(sys.argv[1], batch=4)
stream = iter(clip)
next(stream)
child = os.fork()
if child == 0:
    said = []
    for work in (lambda: clip[3], lambda: next(stream), lambda: next(iter(clip)), lambda: clip.frames([1])):
        try:
            work()
            said.append("worked")
        except millrace.UsageError as error:
            said.append(str(error))
    ok = len(millrace.read(sys.argv[1])) == 200
    del stream, clip
    print(all("a fork of it; open it again" in text for text in said), ok, flush=True)
    os._exit(0)
os.waitpid(child, 0)
print(len(next(stream)), clip[5].index)
"""


def run_python(text, *words, **keywords):
    command = [sys.executable, "-c", text, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **keywords)


def test_a_fork_opens_its_own(film):
    ended = run_python(FORKED, film)
    assert (ended.stdout, ended.stderr) == ("True True\n4 5\n", "")


def test_another_process_opens_the_file_again(film):
    clip = pickle.loads(pickle.dumps(millrace.read(film, size=(32, 18))))
    assert clip[3].numpy().shape == (3, 18, 32)


INTERRUPTED = """
import os, signal, sys, threading, millrace
clip = millrace.read(sys.argv[1])
threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    while True:
        for batch in clip if sys.argv[2] == "iterate" else map(clip.__getitem__, (199, 0, 150, 20)):
            pass
except KeyboardInterrupt:
    print("interrupted", len(clip.frames([7])))
"""


@pytest.mark.parametrize("way", ["iterate", "random"])
def test_ctrl_c(film, way):
    ended = run_python(INTERRUPTED, film, way)
    assert (ended.stdout, ended.stderr) == ("interrupted 1\n", "")


def test_nothing_is_left_at_exit(film):
    text = "import sys, millrace\nclip = millrace.read(sys.argv[1])\nkept = iter(clip)\nbatch = next(kept)\nsys.exit(3)"
    ended = run_python(text, film)
    assert (ended.returncode, ended.stdout, ended.stderr) == (3, "", "")
