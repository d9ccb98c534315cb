"""Keyword arguments are the command line's options, all of them, and reach the same job."""

from __future__ import annotations

import re
from pathlib import Path

import millrace
import pytest
from millrace._options import arguments
from tools import ROOT

SAMPLE = ROOT / "samples/bbb.mp4"
# What the caller of a function has otherwise, `size` of `script check`, and what tune() alone has.
NOT_OF_A_FUNCTION = {"input", "output", "model", "report", "json", "no-progress", "verbosity", "size"} | {
    "time",
    "live",
    "no-store",
    "plot",
}


def test_every_option_has_its_argument():
    named = set(re.findall(r'Option\{"([a-z0-9-]+)"', (ROOT / "src/app/options.cc").read_text()))
    asked = {name.replace("_", "-") for name in millrace.Options.__annotations__}
    assert asked == named - NOT_OF_A_FUNCTION


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("crf", 23, ["--crf=23"]),
        ("crf", 23.5, ["--crf=23.5"]),
        ("start", 0.00001, ["--start=0.00001"]),
        ("start", "1:30", ["--start=1:30"]),
        ("overwrite", True, ["--overwrite"]),
        ("overwrite", False, []),
        ("overwrite", None, []),
        ("work_folder", Path("a b"), ["--work-folder=a b"]),
        ("work_folder", b"\xff", ["--work-folder=\udcff"]),
        ("video_stream", 1, ["--video-stream=v:1"]),
        ("input_size", (640, 360), ["--input-size=640x360"]),
        ("tile", (256, 128, 16), ["--tile=256x128+16"]),
        ("window", (1, 2), ["--window=1,2"]),
        ("window", "1,2", ["--window=1,2"]),
        ("encoder_option", {"tune": "film", "bf": 2}, ["--encoder-option=tune=film", "--encoder-option=bf=2"]),
        ("memory", "2G", ["--memory=2G"]),
    ],
)
def test_values(name, value, words):
    assert [word.decode(errors="surrogateescape") for word in arguments("run", {name: value})] == ["run", *words]


def test_an_unknown_argument_is_a_type_error(tmp_path):
    with pytest.raises(TypeError, match=r"run\(\) got an unexpected keyword argument 'presett'; did you mean 'preset'"):
        millrace.run(SAMPLE, tmp_path / "out.mp4", presett="fast")


def test_probe_devices_versions():
    probed = millrace.probe(SAMPLE, frames=5)
    assert probed["path"] == str(SAMPLE)
    names = [device["name"] for device in millrace.devices()["devices"]]
    assert names[0] == "cpu"
    assert millrace.versions()["millrace"] == millrace.__version__
