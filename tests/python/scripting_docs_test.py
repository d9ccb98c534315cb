"""The scripts of docs/scripting.md do what the page says."""

import re
from types import SimpleNamespace

import millrace
import numpy as np
import pytest
from millrace import ScriptError, _check_frames, _script
from tools import ROOT

PAGE = (ROOT / "docs/scripting.md").read_text()
BRIGHTEN, TAGS, SWEEP, LEGAL, BETWEEN = (
    block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "@" in block
)


def load(tmp_path, text, **settings):
    path = tmp_path / "brighten.py"
    path.write_text(text)
    return _script.load(path, settings)


def batch_of(values):
    return SimpleNamespace(
        numpy=lambda: values,
        frames=len(values),
        slots=len(values),
        rate=1,
        result_shape=values.shape[1:],
        dtype="float32",
        device="cpu",
    )


def test_the_processor(tmp_path):
    script = load(tmp_path, BRIGHTEN, gain="1.5")
    script.setup(None)
    batch = batch_of(np.full((4, 3, 8, 6), 0.5, np.float32))
    results = script.process(batch)
    script.check(results, batch)
    assert np.array_equal(results, np.full((4, 3, 8, 6), 0.75, np.float32))


def test_the_analyser(tmp_path):
    script = load(tmp_path, TAGS)
    script.setup(None)
    batch = batch_of(np.stack([np.full((3, 8, 6), value, np.float32) for value in (0.25, 0.75)]))
    results = script.process(batch)
    script.check(results, batch)
    assert results == [{"bright": False}, {"bright": True}]
    assert script.description["settings"] == {"input.size": "[224, 224]", "batch": "16"}
    script.flush()
    script.close()


def test_twice_the_frame_rate(tmp_path):
    script = load(tmp_path, BETWEEN)
    script.setup(None)
    values = np.arange(4 * 2 * 3 * 2 * 2, dtype=np.float32).reshape(4, 2, 3, 2, 2)
    batch = batch_of(values)
    batch.rate, batch.result_shape = 2, values.shape[2:]
    results = script.process(batch)
    script.check(results, batch)
    assert np.array_equal(results[0::2], values[:, 0])
    assert np.array_equal(results[1::2], values.mean(axis=1))
    assert (script.description["rate"], script.description["settings"]["window"]) == (2, "[0, 1]")


def test_the_generator(tmp_path):
    path = tmp_path / "sweep.py"
    path.write_text(SWEEP)
    report = millrace.run(None, tmp_path / "out.mp4", script=path, set={"count": 30})
    assert report.frames.muxed == report.frames.expected == 30
    assert (report.size_out, report.input_seconds) == ((320, 180), 0)


def messages(tmp_path):
    """Of the page's script with one mistake each."""
    batch = batch_of(np.zeros((4, 3, 720, 1280), np.float32))
    real = _check_frames.batch_of(_check_frames.Wanted(8, 4, "rgb", "float32", "nchw", 1, 4, (0, 0), 1, 1), 0, 4)

    def use(text, batch, settings):
        script = load(tmp_path, text, **settings)
        script.setup(None)
        script.check(script.process(batch), batch)

    def message(text, batch=batch, **settings):
        with pytest.raises(ScriptError) as caught:
            use(text, batch, settings)
        return str(caught.value)

    yield message(BRIGHTEN.replace("* gain", "* (gain / 0.0)"))
    yield message(BRIGHTEN.replace('"rgb"', '"rbg"'))
    yield message(BRIGHTEN.replace("batch.numpy()", "batch"), real)
    yield message(BRIGHTEN, gian="1.2")
    yield message(BRIGHTEN.replace("* gain", '.astype("float64")'))


def test_the_messages(tmp_path):
    said = [message.replace(str(tmp_path), "/home/me") for message in messages(tmp_path)]
    assert said == [line for line in PAGE.splitlines() if line.startswith("/home/me")]


@pytest.mark.parametrize(("dtype", "least", "most"), [("uint8", 16, 235), ("uint16", 64, 940)])
def test_legal_levels(tmp_path, dtype, least, most):
    script = load(tmp_path, LEGAL)
    script.setup(SimpleNamespace(height=4))
    values = np.arange(2 * 6 * 8, dtype=dtype).reshape(2, 6, 8) * (2 if dtype == "uint8" else 10)
    expected = values.copy()
    expected[:, :4] = np.minimum(np.maximum(values[:, :4], least), most)
    assert np.array_equal(script.process(batch_of(values)), expected)
