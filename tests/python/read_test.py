"""Frames that millrace.read gives: in order, by index and by time, against a script's, ffmpeg's and one another."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
import sys
from fractions import Fraction

import clips
import millrace
import numpy as np
import pytest
from reading import in_order, of_batch, of_frame
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


def test_any_deinterlaced_frame_is_that_of_the_sequence(folder):
    clip = millrace.read(clips.make(folder, "interlaced"), deinterlace=True, lanes=3, color="luma")
    whole = in_order(clip)
    assert whole != in_order(clip.again(deinterlace=False))
    for number in (99, 50, 51, 0, 13, 12, 11, 75):
        assert of_frame(clip[number]) == whole[number]


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


def test_the_page_does_what_it_says(film, tmp_path, monkeypatch, capsys):
    (text,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/reading.md").read_text(), re.DOTALL)
    (tmp_path / "in.mp4").symlink_to(film)
    monkeypatch.chdir(tmp_path)
    found: dict[str, object] = {}
    exec(text, found)
    assert found["frame"].numpy().shape == (3, 224, 224)
    assert found["some"].indices == tuple(range(100, 200, 10))
    assert capsys.readouterr().out.endswith("200 25 8.0\n")


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
        ({"color": "rbg"}, millrace.UsageError, "read()'s color: expected rgb, bgr, luma, y, yuv, found 'rbg'"),
        ({"batch": 0}, millrace.UsageError, "read()'s batch: expected a whole number from 1 to 1024, found 0"),
        ({"batch": 1024, "memory": "64M"}, millrace.UsageError, "give a smaller batch or size, or more --memory"),
        ({"device": "tpu"}, millrace.UsageError, "--device tpu: expected cpu, cuda"),
        ({"start": 100}, millrace.UsageError, "no frame lies within -ss and -t"),
        ({"crf": 20}, TypeError, "unexpected keyword argument 'crf'"),
        ({"colour": "bgr"}, TypeError, "unexpected keyword argument 'colour'; did you mean 'color'?"),
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
