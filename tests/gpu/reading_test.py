"""millrace.read on a GPU: the bytes of the CPU, by DLPack, in order and by index.

Run where a GPU and a PyTorch for it are. MILLRACE_PACKAGE names the folder of the package.
"""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest
from tools import ROOT

sys.path.insert(0, os.environ.get("MILLRACE_PACKAGE", str(ROOT / "build/cuda/python")))
torch = pytest.importorskip("torch")
import millrace  # noqa: E402  # behind its place in sys.path

SAMPLE = ROOT / "samples/bbb.mp4"


def host(thing):
    return torch.from_dlpack(thing.tensor).cpu().numpy()


@pytest.mark.parametrize(
    "options", [{}, {"dtype": "float16", "layout": "nhwc", "size": (224, 200), "fit": "letterbox"}]
)
def test_frames_are_those_of_the_cpu(options):
    there, here = millrace.read(SAMPLE, device="cuda", batch=16, **options), millrace.read(SAMPLE, batch=16, **options)
    assert (there.device, there.fallbacks) == ("cuda:0", [])
    assert there.pts == here.pts
    for one, other in zip(there, here, strict=True):
        assert (one.indices, one.pts, one.tensor.device) == (other.indices, other.pts, "cuda:0")
        assert np.array_equal(host(one), other.numpy())
    for index in (-1, 0, 60, 61, 3):
        assert np.array_equal(host(there[index]), here[index].numpy())
    numbers = [100, 7, 7, 99]
    assert np.array_equal(host(there.frames(numbers)), here.frames(numbers).numpy())


def test_batches_that_are_kept_stay_as_they_are():
    kept = [torch.from_dlpack(batch.tensor) for batch in millrace.read(SAMPLE, device="cuda", batch=8)]
    for tensor, batch in zip(kept, millrace.read(SAMPLE, batch=8), strict=True):
        assert np.array_equal(tensor.cpu().numpy(), batch.numpy())


def test_frames_that_are_used_as_an_array_name_what_works_there():
    with millrace.read(SAMPLE, device="cuda", batch=2) as clip:
        batch, frame = next(iter(clip)), clip[3]
    by_dlpack = "torch.from_dlpack(tensor) or cupy.from_dlpack(tensor)"
    ways = {
        "a Batch": (batch, "; batch.torch(), .cupy(), .jax() or .to_tf() makes one, on the same memory"),
        "a Frame": (frame, "; frame.torch(), .cupy(), .jax() or .to_tf() makes one, on the same memory"),
        "a FrameTensor": (batch.tensor, f"; {by_dlpack} makes one, on the same memory"),
    }
    assert torch.equal(frame.torch(), torch.from_dlpack(frame.tensor))
    for name, (thing, way) in ways.items():
        for use in (lambda x: x * 2, lambda x: 2 * x, lambda x: x * torch.ones(1, device="cuda")):
            with pytest.raises(TypeError) as raised:
                use(thing)
            assert str(raised.value) == f"{name} is no array and has no *{way}"
    with pytest.raises(TypeError, match="numpy cannot look"):
        frame.numpy()
    with pytest.raises(AttributeError, match=r"^a tensor on a GPU has no __array_interface__; take it by DLPack$"):
        _ = batch.tensor.__array_interface__
