"""Frames that are used as if they were an array: an error that says how to have one."""

from __future__ import annotations

import copy
import pickle
import re

import millrace
import numpy as np
import pytest
from millrace import _check_frames
from script_runs import processor, refused
from tools import FAILED, ROOT

SAMPLE = ROOT / "samples/bbb.mp4"
WANTED = _check_frames.Wanted(8, 4, "rgb", "float32", "nchw", 1, 3, (0, 0), 1, 1)
OF_BATCH = "batch.numpy(), .torch(), .jax() or .to_tf() makes one, on the same memory"
OF_FRAME = "frame.numpy(), .torch(), .jax() or .to_tf() makes one, on the same memory"
OF_TENSOR = "numpy.asarray(tensor) or torch.from_dlpack(tensor) makes one, on the same memory"
X = np.ones((4, 8), "float32")

OPERATORS = {
    "x * 1.5": "*", "2 * x": "*", "x + 1": "+", "1 + x": "+", "x - 1": "-", "1 - x": "-", "x / 2": "/", "1 / x": "/",
    "x // 2": "//", "2 // x": "//", "x % 2": "%", "x ** 2": "**", "x @ [[1]]": "@", "[[1]] @ x": "@", "x & 1": "&",
    "x | 1": "|", "x ^ 1": "^", "x << 1": "<<", "x >> 1": ">>", "x < 1": "<", "x <= 1": "<=", "x > 1": ">",
    "1 >= x": "<=", "-x": "-", "+x": "+", "~x": "~", "abs(x)": "abs()", "x * Y": "*",
}  # fmt: skip
OTHERS = {
    "x[0]": " and cannot be indexed",
    "x[:2, ::-1]": " and cannot be indexed",
    "x.__setitem__(0, 1)": " and cannot be indexed",
    "list(x)": " to iterate over",
    "max(x)": " to iterate over",
}
ATTRIBUTES = ["mean", "sum", "clip", "astype", "copy", "cpu", "to", "float", "permute", "ndim", "T"]
OF_NUMPY = {
    "np.clip(x, 0, 1)": " for numpy.clip()",
    "np.sqrt(x)": " for numpy.sqrt()",
    "np.mean(x)": " for numpy.mean()",
    "np.stack([x, x])": " for numpy.stack()",
    "X * x": " for numpy.multiply()",
    "X @ x": " for numpy.matmul()",
    "np.float32(2) - x": " for numpy.subtract()",
    "np.asarray(x)": "",
    "np.array(x)": "",
}


class OnGpu(_check_frames.HostFrames):
    device = "cuda:0"


class Other:
    """Of another library, which knows nothing of frames."""


def batch():
    return _check_frames.batch_of(WANTED, 0, 3)


@pytest.fixture(scope="module")
def things():
    with millrace.read(SAMPLE, batch=2) as clip:
        frame, read = clip[3], next(iter(clip))
    return {
        "Batch": (batch(), OF_BATCH),
        "Batch that was read": (read, OF_BATCH),
        "Frame": (frame, OF_FRAME),
        "FrameTensor": (read.tensor, OF_TENSOR),
        "FrameTensor of script check": (batch().tensor, OF_TENSOR),
    }


THINGS = ["Batch", "Batch that was read", "Frame", "FrameTensor", "FrameTensor of script check"]


def complaint(thing, what, kind=TypeError):
    with pytest.raises(kind) as raised:
        eval(what, {"x": thing, "np": np, "X": X, "Y": Other()})
    return str(raised.value)


@pytest.mark.parametrize("name", THINGS)
def test_what_arrays_do_is_refused_with_advice(things, name):
    thing, way = things[name]
    begin = f"a {name.split()[0]} is no array"
    for what, symbol in OPERATORS.items():
        assert complaint(thing, what) == f"{begin} and has no {symbol}; {way}", what
    for what, said in OTHERS.items():
        assert complaint(thing, what) == f"{begin}{said}; {way}", what
    for attribute in ATTRIBUTES:
        found = complaint(thing, f"x.{attribute}", AttributeError)
        assert found == f"{begin} and has no attribute '{attribute}'; {way}"
        assert getattr(thing, attribute, None) is None


@pytest.mark.parametrize("name", THINGS[:3])
def test_numpy_makes_no_array_of_one_object(things, name):
    thing, way = things[name]
    for what, said in OF_NUMPY.items():
        assert complaint(thing, what) == f"a {name.split()[0]} is no array{said}; {way}", what


@pytest.mark.parametrize("name", THINGS[3:])
def test_what_numpy_sees_by_itself_it_may_compute_with(things, name):
    tensor, _ = things[name]
    array = np.asarray(tensor)
    assert np.array_equal(np.clip(tensor, 0.25, 0.5), array.clip(0.25, 0.5))
    for made in (tensor * array, array * tensor):
        assert np.array_equal(made, array * array)
    assert np.array_equal(tensor - np.float32(1), array - 1)


def test_on_a_gpu_numpy_is_no_advice():
    frames = batch()
    there = millrace.Batch(OnGpu.of(np.zeros((3, 3, 4, 8), "float32")), frames.indices, frames.pts, frames.seconds,
                           frames.segments, frames.result_shape)  # fmt: skip
    way = "batch.torch(), .cupy(), .jax() or .to_tf() makes one, on the same memory"
    assert complaint(there, "x * 2") == f"a Batch is no array and has no *; {way}"
    assert complaint(there, "np.clip(x, 0, 1)") == f"a Batch is no array for numpy.clip(); {way}"
    blind = "the frames are on cuda:0, where numpy cannot look: use .torch() or .cupy()"
    assert complaint(there, "x.numpy()") == blind
    frame = millrace.Frame(there.tensor, 0, 0, 0.0)
    assert complaint(frame, "1 - x") == f"a Frame is no array and has no -; {way.replace('batch', 'frame')}"
    assert complaint(frame, "x.numpy()") == blind


def test_a_frame_is_taken_by_dlpack_as_a_batch_is(things):
    frame, _ = things["Frame"]
    assert frame.numpy().shape == frame.tensor.shape
    assert np.array_equal(np.from_dlpack(frame), frame.numpy())
    assert np.from_dlpack(frame).ctypes.data == frame.numpy().ctypes.data


def test_what_a_batch_has_it_still_has(things):
    for name in THINGS[:2]:
        thing, _ = things[name]
        assert np.array_equal(thing.numpy(), np.from_dlpack(thing))
        assert (len(thing), bool(thing), thing == thing, thing == 1) == (len(thing.indices), True, True, False)
        assert copy.copy(thing).indices == thing.indices
    frames = batch()
    assert hash(frames) == hash(copy.copy(frames))
    assert pickle.loads(pickle.dumps(frames)).pts == frames.pts
    with pytest.raises(AttributeError, match=r"^'Batch' object has no attribute 'tensor'$"):
        _ = object.__new__(millrace.Batch).device


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return batch * 1.1", "TypeError: a Batch is no array and has no *; "),
        ("return batch[0]", "TypeError: a Batch is no array and cannot be indexed; "),
        ("return batch.mean()", "AttributeError: a Batch is no array and has no attribute 'mean'; "),
    ],
)
def test_a_run_says_where(film, tmp_path, body, said):
    script = tmp_path / "script.py"
    script.write_text(processor(body))
    err = refused(film, tmp_path / "out.mkv", script, FAILED)
    assert re.search(re.escape(f"{script}, line 6: {said}{OF_BATCH} (frames ") + r"\d+ to \d+\)", err), err


def test_an_analyser_that_returns_its_batch(film, tmp_path):
    script = tmp_path / "script.py"
    script.write_text("from millrace import analyser\n\n@analyser\ndef work(batch):\n    return batch\n")
    err = refused(film, tmp_path / "out.jsonl", script, FAILED)
    assert "work returned: expected a list of objects, one a frame, found Batch" in err
