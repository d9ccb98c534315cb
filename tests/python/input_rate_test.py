"""The rate of inputs without times, in run, read and probe."""

from __future__ import annotations

from fractions import Fraction

import millrace
import pytest
from reading import in_order, of_frame
from tools import ffmpeg, frames_of, pattern, times, x264

FILM = Fraction(24000, 1001)
ALIKE = [23.976, "23.976", "24000/1001", FILM, "48000/2002"]


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("raw")
    ffmpeg(*pattern(seconds=2), "-c:v", "mjpeg", folder / "raw.mjpeg")
    ffmpeg(*pattern(seconds=2), *x264(bframes=3), folder / "raw.h264")
    return folder


@pytest.mark.parametrize("rate", ALIKE)
def test_run(raw, tmp_path, rate):
    report = millrace.run(raw / "raw.h264", tmp_path / "out.mp4", input_rate=rate, strict=True, preset="ultrafast")
    assert report.frames.retimed == 0
    assert times(frames_of(tmp_path / "out.mp4")) == [number / FILM for number in range(50)]


@pytest.mark.parametrize("name", ["raw.mjpeg", "raw.h264"])
def test_read(raw, name):
    with millrace.read(raw / name, input_rate=FILM, strict=True, batch=8) as clip:
        assert clip.frame_rate == FILM
        assert [pts * clip.time_base for pts in clip.pts] == [number / FILM for number in range(50)]
        assert clip.duration == pytest.approx(float(50 / FILM))
        whole = in_order(clip)
        assert of_frame(clip.at(30 / FILM)) == whole[30]
        assert not clip.losses
    with millrace.read(raw / name, batch=8) as clip:
        assert [digest for digest, _, _ in in_order(clip)] == [digest for digest, _, _ in whole]


def test_read_says_what_is_assumed(raw):
    with millrace.read(raw / "raw.mjpeg") as clip:
        assert clip.frame_rate == 25
        assert clip.notes == [f"{raw / 'raw.mjpeg'}: raw mjpeg has no times; 25 fps assumed; --input-rate says another"]
        assert clip.again(input_rate=50).notes == []


def test_probe(raw):
    video = millrace.probe(raw / "raw.mjpeg", input_rate=12.5)["streams"][0]
    assert video["average_frame_rate"] == "25/2"
    assert video["frame_rate_from"] == "user"


def test_of_a_file_with_times(raw, tmp_path):
    ffmpeg("-i", raw / "raw.h264", "-c", "copy", tmp_path / "timed.mp4")
    for use in millrace.probe, millrace.read:
        with pytest.raises(millrace.UsageError, match=r"timed\.mp4 has times of its own"):
            use(tmp_path / "timed.mp4", input_rate=25)


@pytest.mark.parametrize("rate", [0, -25, "fast", float("nan"), float("inf"), "1/0", b"25"])
def test_no_rate(raw, rate):
    with pytest.raises(millrace.UsageError, match="input_rate: expected a number above 0 such as 25"):
        millrace.read(raw / "raw.mjpeg", input_rate=rate)
