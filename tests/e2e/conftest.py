"""Fixtures: clips and models, made once a session, when first asked for."""

from __future__ import annotations

import subprocess
import sys

import clips
import pytest
from tools import ROOT


@pytest.fixture(scope="session", autouse=True)
def no_tuning(tmp_path_factory):
    """What somebody tuned on this machine is nothing to tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def folder(tmp_path):
    """Where the output goes: nothing else is in it."""
    path = tmp_path / "out"
    path.mkdir()
    return path


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="session")
def clip(clip_folder):
    """clip(name): the path of a clip of clips.py."""
    return lambda name: clips.make(clip_folder, name)


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """The folder of the tiny test models."""
    folder = tmp_path_factory.mktemp("models")
    subprocess.run([sys.executable, ROOT / "tests/models/make_models.py", folder], check=True, capture_output=True)
    return folder
