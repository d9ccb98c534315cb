"""What the tests of reading share: frames as something that can be compared."""

from __future__ import annotations

import hashlib

import numpy as np


def digest(array):
    return hashlib.sha256(np.ascontiguousarray(array)).hexdigest()


def in_order(clip):
    """Digest, index and pts of every frame."""
    return [
        (digest(frame), index, pts)
        for batch in clip
        for frame, index, pts in zip(batch.numpy(), batch.indices, batch.pts, strict=True)
    ]


def of_batch(batch):
    return [
        (digest(frame), index, pts) for frame, index, pts in zip(batch.numpy(), batch.indices, batch.pts, strict=True)
    ]


def of_frame(frame):
    return digest(frame.numpy()), frame.index, frame.pts
