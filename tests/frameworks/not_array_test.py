"""What the frameworks say to those who hand them a batch that is not taken as theirs."""

from __future__ import annotations

import jax.numpy
import millrace
import pytest
import tensorflow
import torch
from millrace import _check_frames
from tools import ROOT

WANTED = _check_frames.Wanted(8, 4, "rgb", "float32", "nchw", 1, 3, (0, 0), 1, 1)
EVERY_WAY = "; batch.numpy(), .torch(), .jax() or .to_tf() makes one, on the same memory"
NAMES = {"torch": torch, "jnp": jax.numpy, "tensorflow": tensorflow, "ONES": torch.ones(3, 3, 4, 8)}
OF_TORCH = {
    "torch.sqrt(x)": "sqrt",
    "torch.clamp(x, 0, 1)": "clamp",
    "torch.stack([x, x])": "stack",
    "torch.nn.functional.interpolate(x, scale_factor=2)": "interpolate",
    "torch.nn.Conv2d(3, 3, 1)(x)": "conv2d",
}
OTHERS = {
    "ONES * x": " and has no *",
    "x - ONES": " and has no -",
    "jnp.ones(3) * x": " and has no *",
    "jnp.asarray(x)": "",
    "tensorflow.constant(x)": "",
    "tensorflow.sqrt(x)": "",
}


@pytest.fixture
def batch():
    return _check_frames.batch_of(WANTED, 0, 3)


def complaint(batch, what):
    with pytest.raises(TypeError) as raised:
        eval(what, {"x": batch, **NAMES})
    return str(raised.value)


@pytest.mark.parametrize("what", OF_TORCH)
def test_torch_names_its_function_and_its_way(batch, what):
    taken, made = f" is no array for torch's {OF_TORCH[what]}(); ", " makes one, on the same memory"
    assert complaint(batch, what) == f"a Batch{taken}batch.torch(){made}"
    assert complaint(batch.tensor, what) == f"a FrameTensor{taken}torch.from_dlpack(tensor){made}"


@pytest.mark.parametrize("what", OTHERS)
def test_operators_and_conversions_name_every_way(batch, what):
    assert complaint(batch, what) == f"a Batch is no array{OTHERS[what]}{EVERY_WAY}"


def test_the_ways_lead_to_arrays(batch):
    for made in (batch.torch(), torch.from_dlpack(batch), batch.jax(), batch.to_tf(), batch.numpy()):
        assert tuple(made.shape) == (3, 3, 4, 8)
    assert torch.from_dlpack(batch.tensor).data_ptr() == batch.torch().data_ptr() == batch.numpy().ctypes.data


def test_a_frame_is_every_frameworks_on_the_same_memory():
    with millrace.read(ROOT / "samples/bbb.mp4") as clip:
        frame = clip[3]
    want = frame.numpy()
    torchs = frame.torch()
    assert torchs.data_ptr() == torch.from_dlpack(frame).data_ptr() == want.ctypes.data
    assert (torchs.numpy() == want).all()
    assert (jax.numpy.asarray(frame.jax()) == want).all()
    assert (frame.to_tf().numpy() == want).all()
