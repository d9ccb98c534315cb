"""millrace.tune(): `millrace tune` with a result object, whose findings run() takes."""

from __future__ import annotations

import json
import os
import signal
import threading

import millrace
import pytest
from tools import ROOT

MODEL = ROOT / "models/shot_change.onnx"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/millrace/tune"


def test_a_result_that_runs_take(cache, film, tmp_path):
    lines = []
    found = millrace.tune(MODEL, film, time=1, plot=tmp_path / "curve.svg", progress=lines.append)
    assert found.model == str(MODEL)
    assert found.model_input == (64, 36)
    assert found.points[0].axis == "batch"
    assert found.points[0].settings.batch == 1
    assert found.points[0].frames >= 3
    body = json.loads(found.to_json())["few"]
    assert found.few == (None if body is None else millrace.FewFrames(**body))
    assert found.chosen in [point.settings for point in found.points]
    assert [str(path) for path in cache.iterdir()] == [found.stored]
    assert any("model alone, batch 1" in line for line in lines)
    assert {axis for axis, _ in found.ended} >= {"batch", "precision", "provider", "lanes"}
    assert json.loads(found.to_json())["points"][0]["fps"] == found.points[0].fps
    assert "chosen: batch" in str(found)
    assert (tmp_path / "curve.svg").read_text() == found.svg()
    assert found.svg() in found._repr_html_()
    report = millrace.run(film, tmp_path / "a.jsonl", model=MODEL)
    assert any(note.startswith("tuned on ") for note in report.notes)
    report = millrace.run(film, tmp_path / "b.jsonl", model=MODEL, no_tune=True)
    assert not any("tune" in note for note in report.notes)


def test_nothing_is_kept_if_not_wanted(cache, film):
    found = millrace.tune(MODEL, film, time=1, store=False, batch=2)
    assert found.stored is None
    assert not cache.exists()
    assert {point.settings.batch for point in found.points} == {2}
    assert ("batch", "2, as asked for") in found.ended


def test_a_live_source(cache, film):
    found = millrace.tune(MODEL, film, live=100, time=4)
    assert found.chosen is None
    assert found.stored is None
    assert found.live[0].batch == 1
    assert found.live_best is None or found.live_best in found.live
    assert "could do" in str(found)


def test_mistakes(cache, film, tmp_path):
    with pytest.raises(TypeError, match=r"tune\(\) got an unexpected keyword argument 'bach'; did you mean 'batch'"):
        millrace.tune(MODEL, film, bach=2)
    with pytest.raises(millrace.BadInputError, match=r"missing\.onnx"):
        millrace.tune(tmp_path / "missing.onnx", film)
    with pytest.raises(millrace.UsageError, match="unknown option '--overwrite'"):
        millrace.tune(MODEL, film, overwrite=True)


def test_what_progress_raises_comes_back(cache, film):
    def stop(line):
        raise KeyError(line)

    with pytest.raises(KeyError, match="model alone"):
        millrace.tune(MODEL, film, progress=stop)


def test_ctrl_c(cache, film):
    threading.Timer(0.7, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        millrace.tune(ROOT / "models/upscale2x.onnx", film)
    assert not cache.exists()
