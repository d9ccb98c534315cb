"""The package of the build folder, and the tools of the end-to-end tests."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
PACKAGE = os.environ.get("MILLRACE_PACKAGE", str(TESTS.parent / "build/dev/python"))
sys.path[:0] = [PACKAGE, str(TESTS / "e2e")]
os.environ["PYTHONPATH"] = PACKAGE  # of the Pythons that tests start


@pytest.fixture(scope="session", autouse=True)
def no_tuning(tmp_path_factory):
    """What somebody tuned on this machine is nothing to tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def film(tmp_path_factory):
    """Eight seconds in sixteen segments of half a second."""
    from tools import ffmpeg, pattern, x264

    path = tmp_path_factory.mktemp("film") / "film.mp4"
    ffmpeg(*pattern("320x180", 8), *x264(), path)
    return path


@pytest.fixture(scope="session")
def whole_writing(tmp_path_factory):
    """110 frames in five segments, written by a Writer without interruption."""
    from writer_frames import write

    path = tmp_path_factory.mktemp("whole") / "whole.mp4"
    write(path, range(110))
    return path


@pytest.fixture
def script(tmp_path):
    """Writes a script: its path."""

    def write(text, name="script.py"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write
