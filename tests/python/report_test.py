"""Report: the JSON of docs/report.md as attributes."""

from __future__ import annotations

import dataclasses
import json

import millrace
import pytest
from millrace._report import Copies, Gpu, report_from_json
from tools import ROOT, run_job

SAMPLE = ROOT / "samples/bbb.mp4"


@pytest.fixture(scope="module")
def of_the_program(tmp_path_factory):
    return run_job(SAMPLE, tmp_path_factory.mktemp("run") / "out.mkv", "--frames", 5, "-preset", "ultrafast").report


def test_nothing_is_lost(of_the_program):
    report = report_from_json(json.dumps(of_the_program))
    assert json.loads(report.to_json()) == of_the_program
    assert report.frames.muxed == of_the_program["frames"]["muxed"] == 5
    assert report.size_in == tuple(of_the_program["size_in"])
    assert [stage.name for stage in report.stages] == [stage["name"] for stage in of_the_program["stages"]]


def test_a_gpu(of_the_program):
    copies = {"seconds": 0.5, "bytes": 7}
    kernels = {"kernel_seconds": 1.5, "kernel_share": 0.5, "kernels": 3, "kernels_watched": 0.25}
    gpu = {"device": "cuda:0", **kernels, "up": copies, "down": copies}
    report = report_from_json(json.dumps({**of_the_program, "gpus": [gpu]}))
    assert report.gpus == [Gpu("cuda:0", 1.5, 0.5, 3, 0.25, Copies(0.5, 7), Copies(0.5, 7))]
    assert json.loads(report.to_json())["gpus"] == [gpu]


def test_every_attribute_is_documented():
    page = (ROOT / "docs/report.md").read_text()
    for field in dataclasses.fields(millrace.Report):
        assert f"`{field.name}`" in page


def test_how_it_is_shown(of_the_program):
    report = report_from_json(json.dumps({**of_the_program, "output": "<b>.mp4", "fps": 12.34, "notes": ["a & b"]}))
    assert repr(report) == "<millrace.Report '<b>.mp4': 5 frames, 12.3 fps>"
    page = report._repr_html_()
    assert "&lt;b&gt;.mp4" in page
    assert "a &amp; b" in page
    assert "<td>decode</td>" in page
