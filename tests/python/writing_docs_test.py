"""The programs of docs/writing.md do what the page says."""

import re

import millrace
import numpy as np
from millrace import Writer, WriterOptions
from tools import ROOT, frames_of

PAGE = (ROOT / "docs/writing.md").read_text()
FIRST, RESUMED = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_first_program(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(FIRST, {})
    assert capsys.readouterr().out.startswith("100 ")
    assert len(frames_of(tmp_path / "out.mp4")) == 100


def test_going_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = []

    def make_frame(number):
        made.append(number)
        return np.full((3, 720, 1280), number / 8, "float32")

    exec(RESUMED, {"millrace": millrace, "make_frame": make_frame, "frame_count": 8})
    assert made == list(range(8))
    assert len(frames_of(tmp_path / "out.mp4")) == 8


def test_every_argument_has_its_line():
    """The table, and the list of those that millrace.run has."""
    said = set(re.findall(r"`(\w+)`", PAGE))
    own = set(Writer.__init__.__annotations__) - {"path", "options", "return"}
    assert own <= said
    assert set(WriterOptions.__annotations__) <= said
