"""Inputs without times of their own: the rate that is said is that of every frame, exactly."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest
from tools import (
    BAD_INPUT,
    FFV1,
    USAGE,
    ffmpeg,
    frames_of,
    hashes,
    millrace,
    packets_of,
    pattern,
    refused,
    run_job,
    streams,
    times,
    x264,
)

X265 = "keyint=12:bframes=3:log-level=error:pools=1:frame-threads=1"
LOSSLESS = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "0"]

# name -> (file name, ffmpeg's arguments). Some headers say a rate.
RAW = {
    "mjpeg": ("raw.mjpeg", ["-c:v", "mjpeg", "-q:v", "3"]),
    "h264, 25 fps": ("raw25.h264", x264(bframes=3)),
    "h264, 50 fps": ("raw50.h264", [*x264(bframes=3), "-vf", "settb=1/50,setpts=N", "-r", "50"]),
    "hevc, no rate": ("raw.hevc", ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params",
                                   f"{X265}:vui-timing-info=0"]),
    "mpeg2": ("raw.m2v", ["-c:v", "mpeg2video", "-bf", "2", "-g", "12", "-q:v", "4"]),
    "mpeg4": ("raw.m4v", ["-c:v", "mpeg4", "-bf", "2", "-g", "12", "-q:v", "4", "-f", "m4v"]),
    "av1": ("raw.obu", ["-c:v", "libaom-av1", "-cpu-used", "8", "-g", "12", "-f", "obu"]),
}  # fmt: skip


@pytest.fixture(scope="session")
def stream(clip_folder):
    def make(name):
        path = clip_folder / RAW[name][0]
        if not path.exists():
            ffmpeg(*pattern(seconds=2), *RAW[name][1], path)
        return path

    return make


@pytest.mark.parametrize("said", ["24000/1001", "23.976", "25", "12.5", "1199/50"])
@pytest.mark.parametrize("name", RAW)
def test_every_frame_at_the_rate(folder, stream, name, said):
    rate = Fraction(24000, 1001) if said == "23.976" else Fraction(said)
    source, made = stream(name), folder / "out.mp4"
    ended = run_job(source, made, *LOSSLESS, "--input-rate", said, "--strict")
    frames = frames_of(made)
    assert hashes(frames) == hashes(frames_of(source))
    assert times(frames) == [number / rate for number in range(len(frames))]
    assert {packet.duration for packet in packets_of(made, "0:v")} == {1 / rate}
    video = streams(made)[0]
    assert Fraction(video["avg_frame_rate"]) == rate
    assert video["duration_ts"] * Fraction(video["time_base"]) == len(frames) / rate
    assert ended.report["frames"]["retimed"] == 0
    assert ended.report["input_seconds"] == pytest.approx(float(len(frames) / rate))


@pytest.mark.parametrize("name", ["mjpeg", "hevc, no rate", "av1"])
def test_a_rate_that_nobody_says_is_said(folder, stream, name):
    source = stream(name)
    run_job(source, folder / "25.mp4", "--input-rate", "25")
    ended = run_job(source, folder / "out.mp4")
    codec = name.split(",")[0]
    note = f"{source}: raw {codec} has no times; 25 fps assumed; --input-rate says another"
    assert note in ended.report["notes"]
    assert f"note: {note}" in ended.err
    assert (folder / "out.mp4").read_bytes() == (folder / "25.mp4").read_bytes()
    assert times(frames_of(folder / "out.mp4")) == [number * Fraction(1, 25) for number in range(50)]


def test_headers_say_a_rate(folder, stream):
    source = stream("h264, 50 fps")
    ended = run_job(source, folder / "own.mp4")
    assert not any("assumed" in note for note in ended.report["notes"])
    assert times(frames_of(folder / "own.mp4")) == [number * Fraction(1, 50) for number in range(50)]
    ended = run_job(source, folder / "25.mp4", "--input-rate", "25")
    assert f"{source}: its headers say 50 fps; --input-rate 25 is taken" in ended.report["notes"]
    at_25 = run_job(stream("h264, 25 fps"), folder / "own25.mp4")
    assert not any("assumed" in note or "headers" in note for note in at_25.report["notes"])
    assert at_25.report["fallbacks"] == ["50 frames had no usable pts and were given one"]


def test_segments_of_a_raw_stream(folder, stream):
    source = stream("mjpeg")
    options = ["-ss", "0.56", "-t", "2.4", "--segment-length", "0.4", "--input-rate", "12.5", *FFV1]
    ended = run_job(source, folder / "out.mkv", *options)
    assert ended.report["segments"]["total"] == 6
    frames = frames_of(folder / "out.mkv")
    assert hashes(frames) == hashes(frames_of(source))[7:37]
    assert times(frames) == [Fraction(number * 80, 1000) for number in range(30)]


def test_from_a_pipe(folder, stream):
    for name in "mjpeg", "h264, 50 fps", "hevc, no rate":
        data = stream(name).read_bytes()
        options = ["--input-rate", "23.976", *LOSSLESS]
        ended = millrace("run", "-i", "-", "-o", folder / "piped.mp4", "-y", *options, stdin=data)
        assert ended.code == 0, ended
        frames = frames_of(folder / "piped.mp4")
        assert hashes(frames) == hashes(frames_of(stream(name)))
        assert times(frames) == [number * Fraction(1001, 24000) for number in range(50)]


def test_deinterlaced(folder, stream):
    source = stream("h264, 50 fps")
    run_job(source, folder / "out.mp4", *LOSSLESS, "--deinterlace", "--input-rate", "23.976")
    frames = frames_of(folder / "out.mp4")
    assert hashes(frames) == hashes(frames_of(source))  # nothing in it is interlaced
    assert times(frames) == [number * Fraction(1001, 24000) for number in range(50)]


def test_probe_says_where_the_rate_is_from(stream):
    def video(name, *options):
        ended = millrace("probe", stream(name), "--json", *options)
        assert ended.code == 0, ended
        told = json.loads(ended.out)
        assert told["index"]["frames"] == 50 or name == "h264, 50 fps"
        return told["streams"][0]["frame_rate_from"], told["streams"][0]["average_frame_rate"]

    assert video("mjpeg") == ("assumed", "25/1")
    assert video("hevc, no rate") == ("assumed", "25/1")
    assert video("h264, 50 fps") == ("headers", "50/1")
    assert video("mjpeg", "-framerate", "23.98") == ("user", "24000/1001")
    text = millrace("probe", stream("mjpeg")).out.decode()
    assert "raw mjpeg has no times; 25 fps assumed" in text


@pytest.mark.parametrize("name", ["cfr.mp4", "cfr.mkv", "cfr.avi", "cfr.ts", "cfr.ivf"])
def test_an_input_with_times_keeps_them(folder, clip_folder, name):
    source = clip_folder / f"timed_{name}"
    codec = ["-c:v", "libvpx", "-deadline", "realtime"] if name.endswith("ivf") else x264(bframes=0)
    ffmpeg(*pattern(seconds=1), *codec, source)
    words = ["--input-rate: ", source, "has times of its own", "25 frames a second", "leave the option out"]
    refused(source, folder, USAGE, *words, options=["--input-rate", "30"])


@pytest.mark.parametrize("value", ["0", "-1", "fast", "25/0", "1e3", "25 fps", "99999999999"])
def test_no_rate_at_all(folder, stream, value):
    words = ["--input-rate", "expected frames a second such as 25, 29.97 or 30000/1001", f"found '{value}'"]
    refused(stream("mjpeg"), folder, USAGE, *words, options=[f"--input-rate={value}"])


def test_r_is_explained(folder, stream):
    refused(stream("mjpeg"), folder, USAGE, "unknown option '-r'", "--input-rate", options=["-r", "25"])


def test_a_text_is_still_none(folder, tmp_path):
    (tmp_path / "a.mjpeg").write_text("no picture\n" * 9)
    refused(tmp_path / "a.mjpeg", folder, BAD_INPUT, "a.mjpeg", options=["--input-rate", "25"])
