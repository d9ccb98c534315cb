"""Processors that give several pictures for each frame."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import pairwise

import pytest
from script_runs import LOSSLESS, killed, processor, raw, refused, run, words
from tools import FAILED, ffmpeg, finished_segments, packets_of, probe, times

FRAMES = 200  # of the film
PICTURE = 320 * 180 * 3 // 2

# Each frame as it is, and dark: told apart in every picture.
TWICE = processor(
    """import numpy
frames = batch.numpy()
return numpy.stack([frames, frames / 2], axis=1).reshape(-1, *frames.shape[1:])""",
    "batch=4, rate=2",
)
SAME = processor("return batch.numpy()")
DARK = processor("return batch.numpy() / 2")


def pts_of(path):
    """Of all pictures, exact seconds in order."""
    stream = probe(path, "-select_streams", "v:0", "-show_streams", "-show_frames")
    base = Fraction(stream["streams"][0]["time_base"])
    return [frame["pts"] * base for frame in stream["frames"]]


def pictures(path):
    data = raw(path)
    return [data[at : at + PICTURE] for at in range(0, len(data), PICTURE)]


def with_midpoints(pts, end):
    following = [*pts[1:], end]
    return [time for pair in zip(pts, following, strict=True) for time in (pair[0], (pair[0] + pair[1]) / 2)]


def test_twice_the_frame_rate(film, script, tmp_path):
    doubled, same, dark = (tmp_path / f"{name}.mkv" for name in ("doubled", "same", "dark"))
    ended = run(film, doubled, script(TWICE, "twice.py"), *LOSSLESS, "--report", tmp_path / "report.json")
    run(film, same, script(SAME, "same.py"), *LOSSLESS)
    run(film, dark, script(DARK, "dark.py"), *LOSSLESS)
    assert pictures(doubled)[0::2] == pictures(same)
    assert pictures(doubled)[1::2] == pictures(dark)
    video = probe(doubled, "-select_streams", "v:0", "-show_streams")["streams"][0]
    assert video["r_frame_rate"] == "50/1"
    counts = json.loads((tmp_path / "report.json").read_text())["frames"]
    assert (counts["decoded"], counts["processed"]) == (FRAMES, FRAMES)
    assert (counts["encoded"], counts["muxed"]) == (2 * FRAMES, 2 * FRAMES)
    assert "400" in ended.err


def test_times_divide_evenly_to_the_tick(film, script, tmp_path):
    output = tmp_path / "out.mp4"
    run(film, output, script(TWICE))
    pts = pts_of(film)
    assert pts_of(output) == with_midpoints(pts, pts[-1] + Fraction(1, 25))
    assert len(packets_of(output, "v")) == 2 * FRAMES


def test_variable_rates_and_three_pictures_a_frame(script, tmp_path):
    uneven, output = tmp_path / "uneven.mp4", tmp_path / "out.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=320x180:r=25:d=4", "-vf", "select='mod(n,5)*mod(n,7)'",
           "-fps_mode", "vfr", "-c:v", "libx264", "-g", "12", uneven)  # fmt: skip
    thrice = processor("return batch.numpy().repeat(3, axis=0)", "batch=4, rate=3")
    run(uneven, output, script(thrice))
    pts = pts_of(uneven)
    made = pts_of(output)
    assert len(made) == 3 * len(pts)
    for i, (begin, end) in enumerate(pairwise(pts)):
        assert made[3 * i : 3 * i + 3] == [begin + (end - begin) * Fraction(j, 3) for j in range(3)]


def test_a_part_of_the_input(film, script, tmp_path):
    output = tmp_path / "out.mkv"
    run(film, output, script(TWICE), *LOSSLESS, "-ss", "2", "--frames", "10")
    assert len(pictures(output)) == 20
    made = pts_of(output)
    assert made[0] == 0
    assert [round(time * 50) for time in made] == list(range(20))


def test_segments_workers_and_batches_change_nothing(film, script, tmp_path):
    path = script(TWICE)
    whole, parts, shared = (tmp_path / f"{name}.mp4" for name in ("whole", "parts", "shared"))
    run(film, parts, path)
    run(film, shared, path, "--script-workers", "2", "--batch", "3")
    assert parts.read_bytes() == shared.read_bytes()
    run(film, whole, path, "--segment-length", "1000")
    assert pts_of(whole) == pts_of(parts)


@pytest.mark.parametrize("encoder", ["libx264", "ffv1"])
def test_a_killed_run_goes_on_to_the_same_file(film, script, tmp_path, encoder):
    slow = TWICE.replace("import numpy\n", "import numpy\n    time.sleep(float(os.environ.get('WAIT', 0)))\n")
    path = script(slow)
    whole, output = tmp_path / "whole.mkv", tmp_path / "out.mkv"
    run(film, whole, path, "-c:v", encoder)
    options = ["-c:v", encoder, "--lanes", "2"]
    killed(words(film, output, path, *options), lambda: finished_segments(output) >= 3, WAIT="0.05")
    run(film, output, path, *options, "--report", tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text())["segments"]["reused"] >= 3
    assert output.read_bytes() == whole.read_bytes()


def test_another_number_of_pictures_is_refused(film, script, tmp_path):
    text = processor("return batch.numpy()", "batch=4, rate=2")
    said = refused(film, tmp_path / "out.mkv", script(text), FAILED)
    assert "expected float32 [8, 3, 180, 320], found float32 [4, 3, 180, 320]" in said
    assert "rate" in said
    text = processor("return [batch.numpy()[0]]", "batch=4, rate=2")
    assert "expected 8 pictures, 2 a frame, found 1" in refused(film, tmp_path / "b.mkv", script(text), FAILED)


def test_audio_keeps_its_place(film, script, tmp_path):
    film_with_sound, output = tmp_path / "sound.mp4", tmp_path / "out.mp4"
    ffmpeg("-i", film, "-f", "lavfi", "-i", "sine=d=8", "-c:v", "copy", "-c:a", "aac", film_with_sound)
    run(film_with_sound, output, script(TWICE))
    assert times(packets_of(output, "a")) == times(packets_of(film_with_sound, "a"))
