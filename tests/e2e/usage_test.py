"""Outputs and options that cannot be: the exit code, the message, and what is left on the disk."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest
from tools import BAD_INPUT, FAILED, ROOT, USAGE, Ended, command_of, frames_of, leftovers, millrace, refused, run_job

# The output's place.


def test_output_exists(folder, clip):
    output = folder / "out.mp4"
    output.write_text("precious")
    ended = millrace("run", "-i", clip("cfr"), "-o", output)
    assert ended.code == USAGE, ended
    assert str(output) in ended.err
    assert "-y" in ended.err
    assert output.read_text() == "precious"
    assert leftovers(folder) == ["out.mp4"]
    run_job(clip("cfr"), output, "-y", "-preset", "ultrafast")
    assert len(frames_of(output)) == 100


def test_output_equal_to_input(folder, clip):
    source = folder / "film.mp4"
    shutil.copy(clip("cfr"), source)
    before = source.read_bytes()
    (folder / "link.mp4").symlink_to(source)
    for output in (source, folder / "link.mp4", folder / "." / "film.mp4"):
        ended = millrace("run", "-i", source, "-o", output, "-y")
        assert ended.code == USAGE, ended
        assert "same file" in ended.err
    assert source.read_bytes() == before
    assert leftovers(folder) == ["film.mp4", "link.mp4"]


def test_output_folder_missing(folder, clip):
    ended = millrace("run", "-i", clip("cfr"), "-o", folder / "none" / "out.mp4")
    assert ended.code == USAGE, ended
    assert str(folder / "none") in ended.err
    assert leftovers(folder) == []


@pytest.mark.parametrize("model", [None, "upscale2x.onnx"])
def test_pictures_do_not_go_into_lines(folder, clip, model):
    words = ["-m", ROOT / "models" / model] if model else []
    ended = millrace("run", "-i", clip("cfr"), "-o", folder / "out.jsonl", *words)
    assert ended.code == USAGE, ended
    assert "a model that gives data" in ended.err
    assert (model or "no model is given") in ended.err
    assert leftovers(folder) == []


def test_output_folder_is_a_file(folder, clip):
    ended = millrace("run", "-i", clip("cfr"), "-o", clip("vfr") / "out.mp4")
    assert ended.code in (FAILED, USAGE), ended
    assert str(clip("vfr")) in ended.err


def run_without_rights(*arguments):
    """Root may write everywhere; without its capabilities it may not."""
    command = command_of(*arguments)
    if os.geteuid() == 0:
        command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return Ended(done.returncode, b"", done.stderr)


def test_output_folder_not_writable(folder, clip):
    folder.chmod(0o555)
    ended = run_without_rights("run", "-i", clip("cfr"), "-o", folder / "out.mp4")
    assert ended.code == FAILED, ended
    assert str(folder) in ended.err
    assert "cannot be written" in ended.err
    assert leftovers(folder) == []


def test_unreadable_input(folder, tmp_path, clip):
    source = tmp_path / "in.mp4"
    shutil.copy(clip("cfr"), source)
    source.chmod(0o000)
    ended = run_without_rights("run", "-i", source, "-o", folder / "out.mp4")
    assert ended.code == BAD_INPUT, ended
    assert str(source) in ended.err
    assert "ermission" in ended.err
    assert leftovers(folder) == []


def test_an_unknown_container_and_codec(folder, clip):
    refused(clip("cfr"), folder, USAGE, "out.xyz", output="out.xyz")
    refused(clip("cfr"), folder, USAGE, "libx999", "libx264", options=["-c:v", "libx999"])
    refused(clip("cfr"), folder, USAGE, "ffv1", "mkv", options=["-c:v", "ffv1"], output="out.webm")
    refused(clip("cfr"), folder, USAGE, "--device cuda", "libx265", options=["-c:v", "hevc_nvenc"])


def test_a_quality_off_the_encoders_scale(folder, clip):
    """x264 itself would go on with 51, and say nothing."""
    refused(clip("cfr"), folder, USAGE, "-crf 60: libx264 takes a number from 0 to 51", options=["-crf", "60"])
    vp9 = ["-c:v", "libvpx-vp9", "-crf", "9.5"]
    refused(clip("cfr"), folder, USAGE, "libvpx-vp9 takes a whole number from 0 to 63", options=vp9)


# The command line.


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["run", "--no-such-option"], "--no-such-option"),
        (["run", "-crf", "many"], "many"),
        (["run", "-ss", "yesterday"], "yesterday"),
        (["run", "--lanes", "-1"], "lanes"),
        (["run", "--on-corrupt", "cry"], "cry"),
        (["run"], "-i"),
        (["walk"], "walk"),
        (["run", "-i", "a.mp4"], "-o"),
    ],
)
def test_bad_usage(tmp_path, arguments, word):
    ended = millrace(*arguments, cwd=tmp_path)
    assert ended.code == USAGE, ended
    assert word in ended.err
    assert leftovers(tmp_path) == []


def test_json_errors(folder, tmp_path):
    ended = millrace("run", "-i", tmp_path / "none.mp4", "-o", folder / "o.mp4", "--json")
    error = json.loads(ended.out)["error"]
    assert error["exit_code"] == ended.code == BAD_INPUT
    assert "none.mp4" in error["message"]
