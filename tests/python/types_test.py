"""The package's types: strict, true of the extension, and useful to those who call it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from millrace import _engine
from tools import ROOT

SAMPLE = Path(__file__).with_name("typed_sample.py")


def strict(tmp_path, *words):
    settings = ["--strict", "--python-version", "3.10", "--cache-dir", tmp_path / "cache"]
    command = [sys.executable, "-m", "mypy", *map(str, [*settings, *words])]
    return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)


def test_a_script_is_checked(tmp_path):
    checked = strict(tmp_path, SAMPLE)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ("crf=20", 'crf="20"', "crf"),
        ("crf=20", "crff=20", "crff"),
        ("report.fps", "report.fsp", "fsp"),
        ("now.phase", "now.phrase", "phrase"),
        ("found.chosen", "found.choice", "choice"),
        ("tile=(256, 256, 16)", "tile=(256, 256)", "tile"),
        ('color="luma"', 'color="lima"', "processor"),
        ("size=(64, 48)", "size=64", "processor"),
        ("gain=2.0", 'gain="2"', "gain"),
        ("batch=16", 'batch="16"', "batch"),
        ("clip[1:3].indices", "clip[1].indices", "indices"),
        ("height=48, frame_rate", "frame_rate", "height"),
        ("writer.frames_done", "writer.frames", "frames"),
        ("@millrace.analyser\n", "@millrace.analyser(scale=2)\n", "analyser"),
        ("batch.indices[0]", "batch.index", "index"),
        ("info.width", "info.wide", "wide"),
        ('time_base="1/1000"', "time_base=0.001", "time_base"),
    ],
)
def test_a_mistake_is_seen(tmp_path, right, wrong, complaint):
    script = tmp_path / "script.py"
    text = SAMPLE.read_text()
    assert right in text
    script.write_text(text.replace(right, wrong))
    checked = strict(tmp_path, script)
    assert checked.returncode == 1, checked.stdout + checked.stderr
    assert complaint in checked.stdout


ARRAYS = ["x * 2", "1 - x", "x @ x", "-x", "x < 1", "x[0]", "list(x)", "x.mean()", "x.T"]


def test_frames_that_are_used_as_an_array_are_seen(tmp_path):
    """Errors of ours at run time do not hide them."""
    script = tmp_path / "script.py"
    lines = ["import millrace", "def f(batch: millrace.Batch, frame: millrace.Frame) -> None:"]
    lines += [f"    print({what.replace('x', x)})" for x in ("batch", "batch.tensor", "frame") for what in ARRAYS]
    script.write_text("\n".join(lines))
    checked = strict(tmp_path, script)
    wrong = {int(line.split(":")[1]) for line in checked.stdout.splitlines() if ": error:" in line}
    assert wrong == set(range(3, len(lines) + 1)), checked.stdout


@pytest.mark.parametrize("example", ["opencv_denoise", "onnxruntime_shots", "numpy_clock"])
def test_an_example_of_each_kind_is_checked(tmp_path, example):
    checked = strict(tmp_path, "--ignore-missing-imports", ROOT / f"examples/scripts/{example}.py")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "no issues found in 1 source file" in checked.stdout


def test_the_package_itself(tmp_path):
    checked = strict(tmp_path, ROOT / "python/millrace")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def members(thing):
    return {name for name in dir(thing) if not name.startswith("_")}


def in_stub(name):
    """The functions of a class of the stub, or of the stub itself (None)."""
    tree = ast.parse((ROOT / "python/millrace/_engine.pyi").read_text())
    if name is not None:
        (tree,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    return {name for name in names if not name.startswith("_")}


def test_the_stub_is_the_extension():
    kinds = (
        _engine.ClipReader,
        _engine.ClipStream,
        _engine.FrameTensor,
        _engine.Generation,
        _engine.GpuWatch,
        _engine.Progress,
        _engine.Running,
        _engine.ScriptWorker,
        _engine.Writer,
    )
    for kind in kinds:
        assert members(kind) == in_stub(kind.__name__)
    assert members(_engine) - {kind.__name__ for kind in kinds} == in_stub(None)
