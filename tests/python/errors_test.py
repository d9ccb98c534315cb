"""What goes wrong has the class, the code and the text of the program's error."""

from __future__ import annotations

import shutil
import subprocess
import sys

import millrace
import pytest
from tools import ROOT, ffmpeg, pattern, x264
from tools import millrace as program

SAMPLE = ROOT / "samples/bbb.mp4"


def assert_as_the_program(raised, *words):
    ended = program(*words)
    assert ended.code == raised.value.exit_code
    assert ended.err == f"millrace: error: {raised.value}\n"


def test_usage(tmp_path):
    with pytest.raises(millrace.UsageError) as raised:
        millrace.run(SAMPLE, tmp_path / "out.mp4", crf=99.0)
    assert raised.value.code == "usage"
    assert isinstance(raised.value, millrace.Error)
    assert_as_the_program(raised, "run", "-i", SAMPLE, "-o", tmp_path / "out.mp4", "-crf", "99")


def test_an_output_that_exists(tmp_path):
    output = tmp_path / "out.mp4"
    output.write_text("precious")
    with pytest.raises(millrace.UsageError, match=r"out\.mp4"):
        millrace.run(SAMPLE, output)
    assert output.read_text() == "precious"
    millrace.run(SAMPLE, output, overwrite=True, frames=2, preset="ultrafast")
    assert output.read_bytes() != b"precious"


def test_bad_input(tmp_path):
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"\0" * 100)
    with pytest.raises(millrace.BadInputError) as raised:
        millrace.run(bad, tmp_path / "out.mp4")
    assert raised.value.code == "bad_input"
    assert_as_the_program(raised, "run", "-i", bad, "-o", tmp_path / "out.mp4")
    with pytest.raises(millrace.BadInputError):
        millrace.probe(bad)


def test_refused(tmp_path):
    """An attachment, which MP4 cannot hold."""
    source, attached = tmp_path / "film.mkv", tmp_path / "notes.txt"
    attached.write_text("notes")
    ffmpeg(*pattern(seconds=1), *x264(), "-attach", attached, "-metadata:s:t", "mimetype=text/plain", source)
    with pytest.raises(millrace.RefusedError) as raised:
        millrace.run(source, tmp_path / "out.mp4", strict=True)
    assert raised.value.code == "refused"
    assert_as_the_program(raised, "run", "-i", source, "-o", tmp_path / "out.mp4", "--strict")


def test_a_library_that_is_missing(tmp_path):
    """A package whose extension the loader refuses, in its words for that."""
    package = tmp_path / "millrace"
    shutil.copytree(ROOT / "python/millrace", package)
    (package / "_engine.py").write_text('raise ImportError("libavformat.so.59: cannot open shared object file")\n')
    ended = subprocess.run(
        [sys.executable, "-c", "import millrace"], capture_output=True, text=True, env={"PYTHONPATH": str(tmp_path)}
    )
    message = ended.stderr.strip().splitlines()[-1]
    assert message.startswith("ImportError: millrace's engine cannot be loaded: libavformat.so.59: cannot open")
    assert "install the FFmpeg libraries" in message
    assert "pip install" in message


def test_every_code_of_the_engine_has_its_class():
    kinds = {
        ("failed", 1): millrace.Error,
        ("no_space", 1): millrace.Error,
        ("out_of_memory", 1): millrace.Error,
        ("usage", 2): millrace.UsageError,
        ("bad_input", 3): millrace.BadInputError,
        ("refused", 4): millrace.RefusedError,
        ("interrupted", 130): millrace.InterruptedRun,
    }
    header = (ROOT / "src/core/error.h").read_text()
    body = header[header.index("enum class ErrorCode {") : header.index("};")]
    names = [line.split(",")[0].strip() for line in body.splitlines()[1:] if "," in line]
    assert sorted(names) == sorted(name for name, _ in kinds)
    for (name, exit_code), kind in kinds.items():
        error = millrace._errors.from_engine(name, "it went wrong", exit_code)
        assert type(error) is kind
        assert (error.code, error.exit_code, str(error)) == (name, exit_code, "it went wrong")
