"""Without a model, a lossless encode gives exactly the input's frames: count, times and samples, by ffmpeg's hashes."""

from __future__ import annotations

import hashlib
import subprocess
from fractions import Fraction

import clips
import pytest
from tools import (
    PROGRAM,
    ROOT,
    ffmpeg,
    frames_of,
    hashes,
    leftovers,
    millrace,
    packet_fingerprint,
    packets_of,
    probe,
    run_job,
    streams,
    times,
)

FFV1 = ["-c:v", "ffv1", "--segment-length", "1"]
MILLISECOND = Fraction(1, 1000)
# Formats whose times ffmpeg makes up while reading: there only the pictures and their order are compared.
UNTIMED = {"avi", "avi_h264", "mjpeg", "raw_h264", "raw_hevc", "two_joined"}
ONE_SEGMENT = {"gradual_refresh", "avi", "avi_h264", "mjpeg", "raw_h264", "raw_hevc", "two_joined"}
ALL = [*clips.SIMPLE, "edit_list", "two_joined", "rotated"]


def assert_same_times(got, want, tolerance=Fraction(0)):
    wrong = [(i, float(a), float(b)) for i, (a, b) in enumerate(zip(got, want, strict=True)) if abs(a - b) > tolerance]
    assert not wrong, f"{len(wrong)} of {len(want)} times differ, first (frame, got, wanted): {wrong[:3]}"


@pytest.mark.parametrize("name", ALL)
def test_every_frame_in_matroska(clip, tmp_path, name):
    source, output = clip(name), tmp_path / "out.mkv"
    ended = run_job(source, output, *FFV1)
    want, got = frames_of(source), frames_of(output)
    assert hashes(got) == hashes(want)
    if name not in UNTIMED:
        # Matroska cannot begin below zero: there everything is shifted, and the report says so.
        shift = max(Fraction(0), -times(want)[0])
        assert_same_times(times(got), [time + shift for time in times(want)], MILLISECOND / (1 if shift else 2))
        assert (shift > 0) == any("later than in the source" in note for note in ended.report["notes"])
    segments = ended.report["segments"]["total"]
    assert (segments == 1) == (name in ONE_SEGMENT), ended.report["one_segment_reason"]
    assert ended.report["frames"]["muxed"] == len(want)
    assert leftovers(tmp_path) == ["out.mkv"]


@pytest.mark.parametrize("name", ["cfr", "vfr", "open_gop", "start_offset", "mpeg_ts", "hevc", "edit_list", "vp9"])
def test_times_are_exact_in_mov(clip, tmp_path, name):
    source, output = clip(name), tmp_path / "out.mov"
    run_job(source, output, "-preset", "ultrafast", "-crf", "0", "--segment-length", "1")
    want, got = frames_of(source), frames_of(output)
    assert hashes(got) == hashes(want)
    assert_same_times(times(got), times(want))
    steps = [b - a for a, b in zip(times(want), times(want)[1:], strict=False)]
    assert_same_times([frame.duration for frame in got[:-1]], steps)
    assert got[-1].duration == want[-1].duration


@pytest.mark.parametrize("name", ["cfr", "open_gop", "vfr", "hevc_open_gop", "mpeg_ts_open", "vp9"])
def test_lanes_change_no_byte(clip, tmp_path, name):
    made = []
    for lanes in (1, 4):
        output = tmp_path / str(lanes) / "out.mkv"
        output.parent.mkdir()
        run_job(clip(name), output, "-preset", "ultrafast", "--segment-length", "0.5", "--lanes", lanes)
        made.append(hashlib.sha256(output.read_bytes()).hexdigest())
    assert made[0] == made[1]


@pytest.mark.parametrize("length", ["0.5", "1.5", "100"])
def test_segment_length_changes_no_frame(clip, tmp_path, length):
    source, output = clip("open_gop"), tmp_path / "out.mkv"
    run_job(source, output, "-c:v", "ffv1", "--segment-length", length)
    assert hashes(frames_of(output)) == hashes(frames_of(source))


@pytest.mark.parametrize("name", ["cfr", "mpeg_ts", "vfr_mkv", "raw_h264"])
def test_standard_input(clip, tmp_path, name):
    source, output = clip(name), tmp_path / "out.mkv"
    # An MP4 whose index is at its end cannot be read from a pipe.
    if source.suffix == ".mp4":
        piped = tmp_path / "fast.mp4"
        ffmpeg("-i", source, "-c", "copy", "-movflags", "+faststart", piped)
        source = piped
    ended = run_job("-", output, *FFV1, stdin=source.read_bytes())
    assert hashes(frames_of(output)) == hashes(frames_of(source))
    assert ended.report["segments"]["total"] == 1


def test_standard_output_is_matroska(clip, tmp_path):
    source, output = clip("cfr"), tmp_path / "out.mkv"
    with output.open("wb") as file:
        done = subprocess.run([PROGRAM, "run", "-i", source, "-o", "-", *FFV1], stdout=file, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr
    assert output.read_bytes()[:4] == b"\x1a\x45\xdf\xa3"
    assert hashes(frames_of(output)) == hashes(frames_of(source))


def test_pipe_in_and_out(clip, tmp_path):
    source, output = clip("mpeg_ts"), tmp_path / "out.mkv"
    ended = millrace("run", "-i", "-", "-o", "-", *FFV1, stdin=source.read_bytes())
    assert ended.code == 0, ended
    output.write_bytes(ended.out)
    assert hashes(frames_of(output)) == hashes(frames_of(source))


def test_png_files(clip, tmp_path):
    source = clip("chroma_444")
    run_job(source, tmp_path / "%04d.png", "--frames", "30", "--segment-length", "0.5")
    assert leftovers(tmp_path) == [f"{i:04d}.png" for i in range(1, 31)]
    assert all(picture["width"] == 96 for picture in streams(tmp_path / "0007.png"))
    numbers = frames_of(tmp_path / "%04d.png")
    assert len(set(hashes(numbers))) == 30


def test_fragmented_mp4(clip, tmp_path):
    source, output = clip("cfr"), tmp_path / "out.mp4"
    run_job(source, output, "-crf", "0", "--fragmented", "--segment-length", "1")
    assert b"moof" in output.read_bytes()
    assert hashes(frames_of(output)) == hashes(frames_of(source))
    assert_same_times(times(frames_of(output)), times(frames_of(source)))


@pytest.mark.parametrize("encoder", ["libx264", "libx265"])
@pytest.mark.parametrize("container", ["mp4", "mkv", "ts"])
def test_lossless_encoders_with_b_frames(clip, tmp_path, encoder, container):
    """Packets out of order across joins: the join's own dts must carry them."""
    source, output = clip("vfr"), tmp_path / f"out.{container}"
    lossless = ["-crf", "0"] if encoder == "libx264" else ["-e", "x265-params=lossless=1:log-level=error"]
    run_job(source, output, "-c:v", encoder, "-preset", "ultrafast", "-e", "bf=3", *lossless, "--segment-length", "1")
    want, got = frames_of(source), frames_of(output)
    assert hashes(got) == hashes(want)
    shift = times(got)[0] - times(want)[0] if container == "ts" else 0
    tolerance = {"mp4": 0, "mkv": MILLISECOND / 2, "ts": Fraction(1, 90000)}[container]
    assert_same_times([time - shift for time in times(got)], times(want), tolerance)


@pytest.mark.parametrize(
    ("options", "codec"),
    [
        (["-c:v", "libsvtav1", "-preset", "12"], "av1"),
        (["-c:v", "libvpx-vp9", "-e", "deadline=realtime", "-e", "cpu-used=8"], "vp9"),
        (["-c:v", "prores_ks"], "prores"),
        (["-c:v", "mjpeg"], "mjpeg"),
        (["-b:v", "200k"], "h264"),
    ],
)
def test_other_encoders_keep_count_and_times(clip, tmp_path, options, codec):
    source, output = clip("cfr"), tmp_path / "out.mov"
    if codec in {"vp9", "av1"}:
        output = tmp_path / "out.mp4"
    run_job(source, output, *options, "--segment-length", "1")
    assert streams(output)[0]["codec_name"] == codec
    assert_same_times(times(frames_of(output)), times(frames_of(source)))


def test_sound_is_copied(clip, tmp_path):
    source = clip("sound_mp4")
    want = packets_of(source, "0:a")
    for container in ("mp4", "mkv", "mov"):
        output = tmp_path / f"out.{container}"
        ended = run_job(source, output, "--segment-length", "1")
        got = packets_of(output, "0:a")
        assert hashes(got) == hashes(want), container
        shifts = {frame.time - before.time for frame, before in zip(got, want, strict=True)}
        assert max(shifts) - min(shifts) <= MILLISECOND, container
        video_shift = frames_of(output)[0].time - frames_of(source)[0].time
        assert abs(video_shift - max(shifts)) <= MILLISECOND, "sound and picture must stay together"
        if abs(video_shift) > MILLISECOND:
            assert any("later" in note for note in ended.report["notes"])


def test_no_audio(clip, tmp_path):
    run_job(clip("sound_mp4"), tmp_path / "out.mp4", "-an")
    run_job(clip("sound_mp4"), tmp_path / "long.mp4", "--no-audio")
    for name in ("out.mp4", "long.mp4"):
        assert [stream["codec_type"] for stream in streams(tmp_path / name)] == ["video"]


def test_everything_else_is_kept_in_matroska(clip, tmp_path):
    source, output = clip("full"), tmp_path / "out.mkv"
    run_job(source, output, *FFV1, "--strict")
    for which in ("0:a:0", "0:a:1", "0:s:0"):
        assert hashes(packets_of(output, which)) == hashes(packets_of(source, which)), which
        assert_same_times(times(packets_of(output, which)), times(packets_of(source, which)), MILLISECOND)
    before, after = (probe(path, "-show_format", "-show_chapters", "-show_streams") for path in (source, output))
    assert [chapter["tags"]["title"] for chapter in after["chapters"]] == ["First", "Second"]
    assert [chapter["start_time"] for chapter in after["chapters"]] == ["0.000000", "2.000000"]
    assert after["format"]["tags"]["title"] == "The whole"
    assert after["format"]["tags"]["ARTIST"] == before["format"]["tags"]["ARTIST"]
    sounds = [stream for stream in after["streams"] if stream["codec_type"] == "audio"]
    assert [sound["disposition"]["default"] for sound in sounds] == [0, 1]
    assert sounds[1]["tags"]["language"] == "ger" or sounds[1]["tags"]["language"] == "deu"
    assert [stream["codec_type"] for stream in after["streams"]].count("attachment") == 1


def test_what_mp4_cannot_hold_is_listed_and_refused_by_strict(clip, tmp_path):
    source, output = clip("full"), tmp_path / "out.mp4"
    ended = run_job(source, output)
    assert any("attachment" in line for line in ended.report["fallbacks"]), ended.report["fallbacks"]
    kinds = [stream["codec_name"] for stream in streams(output)]
    assert "mov_text" in kinds
    strict = millrace("run", "-i", source, "-o", tmp_path / "strict.mp4", "--strict")
    assert strict.code == 4, strict
    assert not (tmp_path / "strict.mp4").exists()


def test_no_subtitles(clip, tmp_path):
    run_job(clip("full"), tmp_path / "out.mkv", "-sn", *FFV1)
    assert "subtitle" not in [stream["codec_type"] for stream in streams(tmp_path / "out.mkv")]


def test_rotation_and_aspect_stay(clip, tmp_path):
    run_job(clip("rotated"), tmp_path / "out.mp4")
    sides = streams(tmp_path / "out.mp4")[0]["side_data_list"]
    want = streams(clip("rotated"))[0]["side_data_list"]
    assert [side.get("rotation") for side in sides] == [side.get("rotation") for side in want] != []
    run_job(clip("square_not"), tmp_path / "sar.mp4")
    assert streams(tmp_path / "sar.mp4")[0]["sample_aspect_ratio"] == "4:3"


@pytest.mark.parametrize(("start", "length"), [("1.3", "1.1"), ("0.5", None), (None, "2"), ("0:00:01.04", "0.04")])
def test_start_and_duration(clip, tmp_path, start, length):
    source, output = clip("open_gop"), tmp_path / "out.mkv"
    options = [*(["-ss", start] if start else []), *(["-t", length] if length else [])]
    run_job(source, output, *FFV1, *options)
    begin = Fraction(start.split(":")[-1]) if start else Fraction(0)
    end = begin + Fraction(length) if length else Fraction(1000)
    want = [frame for frame in frames_of(source) if begin <= frame.time < end]
    got = frames_of(output)
    assert hashes(got) == hashes(want)
    assert_same_times([time - times(got)[0] for time in times(got)], [t - times(want)[0] for t in times(want)],
                      MILLISECOND)  # fmt: skip


@pytest.mark.parametrize("number", [1, 30, 1000])
@pytest.mark.parametrize("name", ["cfr", "raw_h264"])
def test_frame_limit(clip, tmp_path, name, number):
    source, output = clip(name), tmp_path / "out.mkv"
    run_job(source, output, *FFV1, "--frames", number)
    assert hashes(frames_of(output)) == hashes(frames_of(source))[:number]


def test_sound_is_cut_with_the_picture(clip, tmp_path):
    output = tmp_path / "out.mkv"
    run_job(clip("sound_mp4"), output, *FFV1, "-ss", "1", "-t", "2")
    sound = packets_of(output, "0:a")
    picture = frames_of(output)
    assert abs(sound[0].time - picture[0].time) < Fraction(1, 20)
    assert abs(sound[-1].time - picture[-1].time) < Fraction(1, 10)
    whole = hashes(packets_of(clip("sound_mp4"), "0:a"))
    place = whole.index(hashes(sound)[0])
    assert hashes(sound) == whole[place : place + len(sound)]


def test_second_video_stream(clip, tmp_path):
    source, output = clip("two_videos"), tmp_path / "out.mkv"
    run_job(source, output, *FFV1, "-map", "v:1")
    assert hashes(frames_of(output)) == hashes(frames_of(source, stream=1))


def test_deinterlace_is_ffmpegs_bwdif(clip, tmp_path):
    source, output = clip("interlaced"), tmp_path / "out.mkv"
    run_job(source, output, *FFV1, "--deinterlace")
    want = frames_of(source, filters=["-vf", "bwdif=mode=send_frame:deint=interlaced"])
    assert hashes(frames_of(output)) == hashes(want)


def test_odd_sizes_are_refused_before_work(clip, tmp_path):
    output = tmp_path / "out.mp4"
    ended = millrace("run", "-i", clip("odd_420"), "-o", output)
    assert ended.code == 2, ended
    assert all(way in ended.err for way in ("--pad", "--crop", "yuv444p")), ended.err
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(("option", "size"), [("--pad", (98, 54)), ("--crop", (96, 52))])
def test_odd_sizes_made_even(clip, tmp_path, option, size):
    output = tmp_path / "out.mkv"
    run_job(clip("odd_420"), output, "-crf", "0", option, "--segment-length", "1")
    stream = streams(output)[0]
    assert (stream["width"], stream["height"]) == size
    # Where both have samples they are the same.
    common = ["-vf", "crop=96:52:0:0"]
    assert hashes(frames_of(output, filters=common)) == hashes(frames_of(clip("odd_420"), filters=common))


def test_the_sample_twice_is_the_same_file(tmp_path):
    outputs = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    for output in outputs:
        run_job(ROOT / "samples/bbb.mp4", output, "-preset", "ultrafast", "-t", "1")
    assert packet_fingerprint(outputs[0]) == packet_fingerprint(outputs[1])
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
