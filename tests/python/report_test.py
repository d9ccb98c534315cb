"""Report: the JSON of docs/report.md as attributes."""

from __future__ import annotations

import dataclasses
import json
import os
import resource

import millrace
import pytest
from millrace._report import Copies, Gpu, report_from_json
from script_runs import PYTHON, processor
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


def cpu_seconds():
    """Of processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_cores_at_work_are_those_of_all_processes(tmp_path, workers):
    """The system says how much the program and its script's processes worked in all; what they load is more."""
    script = tmp_path / "burn.py"
    script.write_text(processor("end = time.thread_time() + 0.5\nwhile time.thread_time() < end: pass\nreturn batch"))
    words = ["--script", script, "--script-workers", workers, *PYTHON] if workers else []
    before = cpu_seconds()
    report = run_job(SAMPLE, tmp_path / "out.mkv", "--frames", 16, "--segment-length", 0.25, *words).report
    in_all = cpu_seconds() - before
    worked = report["cores_at_work"] * report["run_seconds"]
    assert (2 if workers else 0) < worked < in_all
    assert report["cores"] <= len(os.sched_getaffinity(0))
