"""Inputs that are no video, or only part of one, or strange: the exit code, the message, the frames."""

from __future__ import annotations

import pytest
from tools import (
    BAD_INPUT,
    FFV1,
    REFUSED,
    USAGE,
    ffmpeg,
    frames_of,
    hashes,
    leftovers,
    millrace,
    pattern,
    refused,
    run_job,
    streams,
    times,
    x264,
)

# What is no video at all.


def test_no_such_file(folder, tmp_path):
    refused(tmp_path / "none.mp4", folder, BAD_INPUT, tmp_path / "none.mp4", "no such file")


def test_a_directory(folder, tmp_path):
    refused(tmp_path, folder, BAD_INPUT, tmp_path, "directory")


def test_empty_file(folder, tmp_path):
    empty = tmp_path / "empty.mp4"
    empty.touch()
    refused(empty, folder, BAD_INPUT, empty, "empty")


def test_empty_pipe(folder):
    ended = millrace("run", "-i", "-", "-o", folder / "out.mkv", stdin=b"")
    assert ended.code == BAD_INPUT, ended
    assert leftovers(folder) == []


def test_text_file(folder, tmp_path):
    text = tmp_path / "notes.mp4"
    text.write_text("This is a text, and no film.\n" * 50)
    refused(text, folder, BAD_INPUT, text)


def test_sound_only(folder, tmp_path):
    sound = tmp_path / "sound.mp4"
    ffmpeg("-f", "lavfi", "-i", "sine=duration=1", "-c:a", "aac", sound)
    refused(sound, folder, BAD_INPUT, sound, "no video")


def test_zero_frames(folder, tmp_path, clip):
    none = tmp_path / "none.mkv"
    ffmpeg("-i", clip("cfr"), "-c", "copy", "-frames:v", "0", none)
    refused(none, folder, BAD_INPUT, none)


def test_no_frame_selected(folder, clip):
    refused(clip("cfr"), folder, USAGE, "-ss", options=["-ss", "1000"])


def test_no_such_video_stream(folder, clip):
    refused(clip("cfr"), folder, BAD_INPUT, "video stream v:1", options=["-map", "v:1"])


# Truncated.


def test_truncated_mp4_without_its_index(folder, tmp_path, clip):
    cut = tmp_path / "cut.mp4"
    data = clip("cfr").read_bytes()
    assert data.rfind(b"moov") > len(data) // 2, "this clip must have its index at its end"
    cut.write_bytes(data[: len(data) // 2])
    refused(cut, folder, BAD_INPUT, cut)


def test_truncated_mp4_with_its_index(folder, tmp_path, clip):
    """The index promises 100 frames: those that are there are kept, those that are not are listed."""
    fast, cut = tmp_path / "fast.mp4", tmp_path / "cut.mp4"
    ffmpeg("-i", clip("cfr"), "-c", "copy", "-movflags", "+faststart", fast)
    data = fast.read_bytes()
    cut.write_bytes(data[: data.find(b"mdat") + (len(data) - data.find(b"mdat")) // 2])
    ended = run_job(cut, folder / "out.mkv", *FFV1, "--segment-length", "1")
    frames = ended.report["frames"]
    good = hashes(frames_of(clip("cfr")))
    got = hashes(frames_of(folder / "out.mkv"))
    assert 30 < len(got) < 70
    assert got[:-3] == good[: len(got) - 3], "what was read whole must be exact"
    assert frames["muxed"] == len(got)
    assert len(got) + len(frames["missing_pts"]) == frames["expected"]
    assert any("of 100 packets are there" in line for line in ended.report["fallbacks"]), ended.report["fallbacks"]
    (folder / "out.mkv").unlink()
    refused(cut, folder, REFUSED, "strict", options=["--strict"])


@pytest.mark.parametrize("name", ["mpeg_ts", "vfr_mkv"])
def test_truncated_stream(folder, tmp_path, clip, name):
    """Without an index nothing is promised: what is there is what there is."""
    source = clip(name)
    cut = tmp_path / f"cut{source.suffix}"
    cut.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    run_job(cut, folder / "out.mkv", *FFV1)
    assert hashes(frames_of(folder / "out.mkv"))[:-1] == hashes(frames_of(cut))[:-1]


# Unusual pictures.


def test_one_pixel(folder, tmp_path):
    tiny = tmp_path / "tiny.mkv"
    ffmpeg(*pattern("16x16", 0.4), "-vf", "scale=1:1", "-pix_fmt", "yuv444p", *FFV1, tiny)
    run_job(tiny, folder / "out.mkv", *FFV1)
    assert hashes(frames_of(folder / "out.mkv")) == hashes(frames_of(tiny))
    run_job(tiny, folder / "x264.mkv", "-crf", "0")
    assert hashes(frames_of(folder / "x264.mkv")) == hashes(frames_of(tiny))


def test_very_wide(folder, tmp_path):
    wide = tmp_path / "wide.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=16384x16:rate=25:duration=0.2", *FFV1, wide)
    run_job(wide, folder / "out.mkv", *FFV1)
    assert hashes(frames_of(folder / "out.mkv")) == hashes(frames_of(wide))
    run_job(wide, folder / "x264.mp4", "-preset", "ultrafast", "-crf", "0")
    assert hashes(frames_of(folder / "x264.mp4")) == hashes(frames_of(wide))


@pytest.mark.parametrize("change", ["size", "pix_fmt"])
def test_change_midway(folder, tmp_path, change):
    """A stream that changes its pictures: every frame comes out, in the first one's shape, and the report says so."""
    parts = [tmp_path / "a.ts", tmp_path / "b.ts"]
    ffmpeg(*pattern("96x64", 1), "-pix_fmt", "yuv420p", *x264(), parts[0])
    size, pixels = ("64x48", "yuv420p") if change == "size" else ("96x64", "yuv422p")
    ffmpeg(*pattern(size, 1), "-pix_fmt", pixels, *x264(), "-output_ts_offset", "1", parts[1])
    changing = tmp_path / "changing.ts"
    changing.write_bytes(b"".join(part.read_bytes() for part in parts))
    ended = run_job(changing, folder / "out.mkv", *FFV1)
    got = frames_of(folder / "out.mkv")
    assert len(got) == 50
    assert hashes(got)[:25] == hashes(frames_of(parts[0]))
    assert len(set(hashes(got)[25:])) == len(set(hashes(frames_of(parts[1])))) > 20
    (stream,) = streams(folder / "out.mkv")
    assert (stream["width"], stream["height"], stream["pix_fmt"]) == (96, 64, "yuv420p")
    assert ended.report["frames"]["reshaped"] == 25
    assert any("25 frames" in line for line in ended.report["fallbacks"])
    strict = millrace("run", "-i", changing, "-o", folder / "strict.mkv", *FFV1, "--strict")
    assert strict.code == REFUSED, strict
    assert not (folder / "strict.mkv").exists()


# Odd beginnings and times.


def test_first_frames_before_any_key_frame(folder, tmp_path, clip):
    """A transport stream that is cut into midway: frames before the first key frame are as ffmpeg has them."""
    data = clip("mpeg_ts").read_bytes()
    cut = tmp_path / "cut.ts"
    cut.write_bytes(data[188 * (len(data) // 188 // 5) :])
    run_job(cut, folder / "out.mkv", *FFV1, "--segment-length", "1")
    got, want = frames_of(folder / "out.mkv"), frames_of(cut)
    whole = hashes(frames_of(clip("mpeg_ts")))
    assert 60 < len(want) < 99
    assert hashes(got) == hashes(want)
    assert hashes(got)[-60:] == whole[-60:]


def test_missing_timestamps(folder, tmp_path, clip):
    """A raw stream has no times at all; frames get those of its rate, one by one."""
    ended = run_job(clip("raw_h264"), folder / "out.mkv", *FFV1)
    got = frames_of(folder / "out.mkv")
    assert hashes(got) == hashes(frames_of(clip("raw_h264")))
    steps = {float(b - a) for a, b in zip(times(got), times(got)[1:], strict=False)}
    assert steps == {0.04}
    assert ended.report["one_segment_reason"]
    assert ended.report["frames"]["muxed"] == 100


def test_repeated_timestamps(folder, tmp_path, clip):
    """Two frames that claim one time: no frame is lost, and times only go forward."""
    odd = tmp_path / "odd.mkv"
    ffmpeg("-i", clip("no_b_frames"), "-c", "copy", "-bsf:v", r"setts=pts=floor(N/2)*80:dts=floor(N/2)*80", odd)
    run_job(odd, folder / "out.mkv", *FFV1)
    got = frames_of(folder / "out.mkv")
    assert hashes(got) == hashes(frames_of(clip("no_b_frames")))
    assert all(b > a for a, b in zip(times(got), times(got)[1:], strict=False))
