"""The tools of the end-to-end tests, and where outputs go."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))


@pytest.fixture
def folder(tmp_path):
    """Where the output goes: nothing else is in it."""
    path = tmp_path / "out"
    path.mkdir()
    return path
