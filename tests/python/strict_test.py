"""What a container cannot hold of the input is refused by --strict before a frame is worked on."""

from __future__ import annotations

import json

import clips
import pytest
from script_runs import PYTHON, processor
from tools import REFUSED, ffmpeg, leftovers, millrace, pattern, run_job, x264

# Says that a frame was there to be worked on.
MARKING = processor("open(os.environ['WORKED'], 'w').close()\nreturn batch.numpy()")


def avi_with_a_tag(folder):
    path = folder / "tagged.avi"
    ffmpeg(*pattern(seconds=1), "-c:v", "mjpeg", "-metadata", "software=abc", path)
    return path


def mkv_with_a_title(folder):
    path = folder / "titled.mkv"
    ffmpeg(*pattern(seconds=1), *x264(), "-metadata", "ODD_KEY=1", "-metadata", "title=x", path)
    return path


RGB = ["-pix_fmt", "gbrp"]  # what PNG takes

# name -> (the input, the output, the first that is lost of it)
CASES = {
    "tag": (avi_with_a_tag, "out.mp4", "metadata software: mp4 has no place for it"),
    "own tag": (mkv_with_a_title, "out.mov", "metadata ODD_KEY: mov has no place for it"),
    "attachment": (clips.make_full, "out.mp4", "attachment full.txt: mp4 holds none, dropped"),
    "a second sound": (clips.make_full, "out.ts", "stream 2 (audio, opus): mpegts holds none, dropped"),
    "sound": (clips.make_sound_mp4, "%06d.png", "stream 1 (audio, aac): image files hold none, dropped"),
    "rotation": (clips.make_rotated, "out.ts", "rotation by -90 degrees: mpegts of this FFmpeg holds none"),
}


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "out"
    path.mkdir()
    return path


@pytest.fixture(params=CASES)
def case(request, tmp_path):
    make, output, lost = CASES[request.param]
    return make(tmp_path), output, lost


def test_refused_before_a_frame_is_worked_on(case, folder, tmp_path):
    source, output, lost = case
    script, worked = tmp_path / "mark.py", tmp_path / "worked"
    script.write_text(MARKING)
    pixels = RGB if output.endswith("png") else []
    words = ["run", "-i", source, "-o", folder / output, "--script", script, *PYTHON, *pixels]
    strict = millrace(*words, "--strict", env={"WORKED": str(worked)})
    assert strict.code == REFUSED, strict
    assert f"millrace: error: {folder / output}: refused by --strict: {lost}\n" in strict.err
    assert leftovers(folder) == []
    assert not worked.exists()
    lenient = millrace(*words, env={"WORKED": str(worked)})
    assert lenient.code == 0, lenient
    assert f"fallback: {lost}" in lenient.err
    assert worked.exists()


def test_standard_input_and_output(tmp_path):
    data = mkv_with_a_title(tmp_path).read_bytes()
    ended = millrace("run", "-i", "-", "-o", "-", "-f", "mpegts", "--strict", stdin=data)
    assert ended.code == REFUSED, ended
    assert "refused by --strict: metadata title: mpegts has no place for it" in ended.err
    assert ended.out == b""


def test_probe_lists_it_as_the_report_does(case, folder):
    source, output, lost = case
    told = json.loads(millrace("probe", source, "-o", folder / output, "--json").out)["would_run"]["fallbacks"]
    assert lost in told
    assert told == run_job(source, folder / output).report["fallbacks"]
    unnamed = json.loads(millrace("probe", source, "--json").out)["would_run"]
    assert lost not in unnamed["fallbacks"]


def test_what_is_left_out_is_not_lost(tmp_path, folder):
    source = clips.make_full(tmp_path)
    options = ["-an", "-sn"]
    ended = millrace("run", "-i", source, "-o", folder / "out.ts", *options, "--strict")
    assert ended.code == REFUSED, ended
    assert "refused by --strict: attachment full.txt" in ended.err
    ended = run_job(clips.make_sound_mp4(tmp_path), folder / "%06d.png", "-an", *RGB, "--strict")
    assert ended.report["fallbacks"] == []


def test_what_the_encoder_makes_is_known_at_the_end(tmp_path, folder):
    source = tmp_path / "plain.mp4"
    ffmpeg(*pattern(seconds=1), *x264(), source)
    ended = millrace("run", "-i", source, "-o", folder / "out.avi", "--strict")
    assert ended.code == REFUSED, ended
    assert "refused by --strict: avi has no presentation times" in ended.err
    run_job(source, folder / "plain.avi", "--strict", "-e", "bf=0")
