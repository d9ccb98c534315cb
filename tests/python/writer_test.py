"""millrace.Writer: frames of a program as a file, by the judgement of ffmpeg and of formulas."""

from __future__ import annotations

import json
import subprocess
import textwrap
from fractions import Fraction

import millrace
import numpy as np
import pytest
from tools import ffmpeg, frames_of, hashes, leftovers, packet_fingerprint, packets_of, streams, times
from writer_frames import EXACT, HEIGHT, QUICK, SIZE, WIDTH, moving, write


def raw(path):
    """The samples of all frames, decoded by ffmpeg without conversion: [N, bytes of a frame]."""
    data = np.frombuffer(ffmpeg("-i", path, "-f", "rawvideo", "-"), np.uint8)
    return data.reshape(len(frames_of(path)), -1)


@pytest.mark.parametrize("rate", [25, "30000/1001", 29.97, 23.976, Fraction(24000, 1001), 12.5])
def test_a_file_with_exact_times(tmp_path, rate):
    path = tmp_path / "out.mp4"
    writer = write(path, range(60), frame_rate=rate, color_matrix="bt709", color_primaries="bt709", color_transfer=13)
    meant = {29.97: Fraction(30000, 1001), 23.976: Fraction(24000, 1001)}.get(rate) or Fraction(rate)
    assert writer.frame_rate == meant
    frames = frames_of(path)
    assert times(frames) == [number / meant for number in range(60)]
    assert {frame.duration for frame in frames} == {1 / meant}
    (video,) = streams(path)
    assert (video["width"], video["height"], video["pix_fmt"]) == (WIDTH, HEIGHT, "yuv420p")
    assert Fraction(video["avg_frame_rate"]) == Fraction(video["r_frame_rate"]) == meant
    colour = {key: video[f"color_{key}"] for key in ("space", "range", "primaries", "transfer")}
    assert colour == {"space": "bt709", "range": "tv", "primaries": "bt709", "transfer": "iec61966-2-1"}
    assert leftovers(tmp_path) == ["out.mp4"]


def test_the_report(whole_writing, tmp_path):
    writer = write(tmp_path / "out.mp4", range(110))
    report = writer.report
    assert (report.frames.decoded, report.frames.encoded, report.frames.muxed) == (110, 110, 110)
    assert (report.segments.total, report.segments.reused) == (5, 0)
    assert (report.encoder, report.size_out, report.device) == ("libx264", (WIDTH, HEIGHT), "cpu")
    assert report.verdict.startswith(
        ("encode limits: ", "to_picture limits: ", "frames came slower than they can be encoded: ")
    )
    assert writer.close() is report
    assert packet_fingerprint(tmp_path / "out.mp4") == packet_fingerprint(whole_writing)


def test_as_run_writes_the_same_floats(tmp_path):
    """A script whose results do not depend on its input, and the same arrays by a Writer: the same samples."""
    clip, script = tmp_path / "in.mp4", tmp_path / "made.py"
    ffmpeg("-f", "lavfi", "-i", f"color=gray:size={WIDTH}x{HEIGHT}:rate=25:duration=3", "-c:v", "libx264", clip)
    script.write_text(
        textwrap.dedent(f"""
        import millrace, numpy as np

        @millrace.processor(batch=1)
        def made(batch):
            rng = np.random.default_rng(batch.indices[0])
            return rng.uniform(-0.1, 1.1, (1, 3, {HEIGHT}, {WIDTH})).astype("float32")
        """)
    )
    millrace.run(clip, tmp_path / "run.mkv", script=script, video_codec="ffv1", pixel_format="yuv420p")
    with millrace.Writer(tmp_path / "writer.mkv", **SIZE, **EXACT) as writer:
        for number in range(75):
            rng = np.random.default_rng(number)
            writer.write(rng.uniform(-0.1, 1.1, (3, HEIGHT, WIDTH)).astype("float32"))
    assert hashes(frames_of(tmp_path / "writer.mkv")) == hashes(frames_of(tmp_path / "run.mkv"))


@pytest.mark.parametrize(("matrix", "kr", "kb"), [("bt709", 0.2126, 0.0722), ("smpte170m", 0.299, 0.114)])
@pytest.mark.parametrize("full", [False, True])
def test_colour_by_the_formula(tmp_path, matrix, kr, kb, full):
    """Flat colours against H.273's equations in float64, in the nearest code."""
    colours = np.random.default_rng(1).uniform(0, 1, (12, 3))
    kinds = {"color_matrix": matrix, "color_range": "full" if full else "limited", "pixel_format": "yuv444p"}
    with millrace.Writer(tmp_path / "out.mkv", **SIZE, **EXACT, **kinds) as writer:
        for colour in colours:
            writer.write(np.broadcast_to(colour.astype("f4")[:, None, None], (3, HEIGHT, WIDTH)))
    r, g, b = colours.T
    luma = kr * r + (1 - kr - kb) * g + kb * b
    y, c, base = (255, 255, 0) if full else (219, 224, 16)
    wanted = [base + y * luma, 128 + c * (b - luma) / (2 - 2 * kb), 128 + c * (r - luma) / (2 - 2 * kr)]
    found = raw(tmp_path / "out.mkv").reshape(12, 3, -1)
    assert (found == found[:, :, :1]).all()
    assert np.abs(found[:, :, 0].T - np.clip(wanted, 0, 255)).max() <= 0.5001


def test_forms_of_the_same_frames(tmp_path):
    """Batches, strides, layouts, orders and types that hold the same numbers give the same file."""
    codes = np.random.default_rng(2).integers(0, 256, (30, HEIGHT, WIDTH, 3), dtype=np.uint8)
    planar = np.ascontiguousarray(codes.transpose(0, 3, 1, 2))
    read_only = planar.astype("f4")
    read_only.flags.writeable = False
    forms = {
        "bytes": ({"dtype": "uint8", "layout": "nhwc"}, list(codes)),
        "batches": ({"dtype": "uint8", "layout": "nhwc"}, [codes[:7], codes[7:8], codes[8:]]),
        "buffer": ({"dtype": "uint8", "layout": "nhwc"}, [memoryview(codes)]),
        "strided": ({"dtype": "uint8"}, list(codes.transpose(0, 3, 1, 2))),
        "mirrored": ({"dtype": "uint8"}, list(np.ascontiguousarray(planar[..., ::-1])[..., ::-1])),
        "bgr": ({"dtype": "uint8", "layout": "nhwc", "color": "bgr"}, [codes[..., ::-1]]),
        "half": ({"dtype": "float16", "range": 255}, [planar.astype("f2")]),
        "read only": ({"range": 255}, [read_only]),
    }
    seen = {}
    for name, (words, batches) in forms.items():
        path = tmp_path / f"{name}.mkv"
        with millrace.Writer(path, **SIZE, **EXACT, **words) as writer:
            for batch in batches:
                writer.write(batch)
        assert writer.next_frame == 30
        seen[name] = hashes(frames_of(path))
    assert len(set(seen["bytes"])) == 30
    assert all(seen[name] == seen["bytes"] for name in forms), {name: seen[name] == seen["bytes"] for name in forms}


def test_luma(tmp_path):
    ramp = np.tile(np.linspace(0, 1, WIDTH, dtype="f4"), (1, HEIGHT, 1))
    with millrace.Writer(tmp_path / "out.mkv", **SIZE, **EXACT, color="luma") as writer:
        writer.write(ramp)
    (frame,) = raw(tmp_path / "out.mkv")
    assert (frame[: WIDTH * HEIGHT].reshape(HEIGHT, WIDTH) == np.rint(16 + 219 * ramp[0].astype("f8"))).all()
    assert set(frame[WIDTH * HEIGHT :]) == {128}


def test_memory_may_be_used_again_at_once(tmp_path, whole_writing):
    frame = np.empty((3, HEIGHT, WIDTH), "float32")
    with millrace.Writer(tmp_path / "out.mp4", **SIZE, **QUICK) as writer:
        for number in range(110):
            frame[:] = moving(number)
            writer.write(frame)
            frame[:] = 0
    assert packet_fingerprint(tmp_path / "out.mp4") == packet_fingerprint(whole_writing)


def test_times_of_ones_own(tmp_path):
    pts = [0, 3, 4, 10, 11, 30, 31, 90, 100, 1000]
    path = tmp_path / "out.mp4"
    with millrace.Writer(path, **SIZE, **QUICK, time_base="1/1000", encoder_option={"bf": 0}) as writer:
        writer.write(moving(0), pts=0)
        writer.write(np.stack([moving(number) for number in range(1, 10)]), pts=pts[1:])
    assert writer.time_base == Fraction(1, 1000)
    assert times(frames_of(path)) == [Fraction(one, 1000) for one in pts]
    of_the_rate = 40  # the last frame's
    assert [packet.duration * 1000 for packet in packets_of(path, "0:v")] == [*np.diff(pts), of_the_rate]


LENGTHS = {
    "mixed": [0, 10, 80, 120, 125, 225, 235, 305, 345, 350, 450, 460, 530],
    "long at the end": [0, 10, 20, 30, 40, 1000, 2000, 3000, 4000, 5000, 6000],
    "long at the start": [0, 1000, 2000, 3000, 4000, 5000, 5010, 5020, 5030, 5040],
    "a few": [0, 40, 3000, 5000],
    "close and far": [0, 3, 4, 100, 101, 250],  # what is decoded last is shown right behind what is decoded before it
    "even": list(range(0, 800, 40)),
}


@pytest.mark.parametrize("name", LENGTHS)
@pytest.mark.parametrize("fragmented", [False, True])
def test_a_track_is_as_long_as_what_is_shown(tmp_path, name, fragmented):
    """Whatever the order of decoding: MP4 adds up distances between decode times. ffprobe judges."""
    pts = LENGTHS[name]
    path = tmp_path / "out.mp4"
    options = {"bf": 3, "b_strategy": 0}
    with millrace.Writer(
        path, **SIZE, **QUICK, time_base="1/1000", encoder_option=options, fragmented=fragmented
    ) as writer:
        for number, time in enumerate(pts):
            writer.write(moving(number), pts=time)
    frames = frames_of(path)
    assert times(frames) == [Fraction(one, 1000) for one in pts]
    assert frames[-1].time + Fraction(40, 1000) == Fraction(pts[-1] + 40, 1000)
    shown = pytest.approx((pts[-1] + 40) / 1000, abs=0.002)
    stream, whole = lengths(path)
    if fragmented and name == "long at the start":
        # Fragments have no length written down: what is decoded long before it is shown counts there.
        assert min(stream, whole) > shown.expected
    else:
        assert (stream, whole) == (shown, shown)


def lengths(path):
    """Of the stream and of the file, in seconds."""
    asked = ["-show_entries", "stream=duration:format=duration", "-of", "json"]
    said = json.loads(subprocess.run(["ffprobe", "-v", "error", *asked, path], capture_output=True, check=True).stdout)
    return float(said["streams"][0]["duration"]), float(said["format"]["duration"])


def test_all_frames_are_done_once_it_is_closed(tmp_path):
    writer = write(tmp_path / "out.mp4", range(30))
    assert writer.frames_done == 30


def test_an_argument_that_is_not_there(tmp_path):
    with pytest.raises(
        TypeError, match=r"Writer\(\) got an unexpected keyword argument 'colour'; did you mean 'color'"
    ):
        millrace.Writer(tmp_path / "out.mp4", **SIZE, colour="rgb")
    assert leftovers(tmp_path) == []


def test_png_pictures(tmp_path):
    with millrace.Writer(tmp_path / "%03d.png", **SIZE, dtype="uint8", layout="nhwc") as writer:
        writer.write(np.full((2, HEIGHT, WIDTH, 3), (10, 200, 30), np.uint8))
    assert [name for name in leftovers(tmp_path) if name.endswith("png")] == ["001.png", "002.png"]
    pixels = np.frombuffer(ffmpeg("-i", tmp_path / "001.png", "-pix_fmt", "rgb24", "-f", "rawvideo", "-"), np.uint8)
    assert (pixels.reshape(-1, 3) == (10, 200, 30)).all()
