"""What a script is handed: frames, and which they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from millrace._engine import FrameTensor


@dataclass(frozen=True)
class Info:
    """What is known before the first batch."""

    width: int  # of the frames that the script is handed
    height: int
    device: str  # "cpu", "cuda:0"
    batch: int


@dataclass(frozen=True)
class Batch:
    """Frames for one call. The first `len(batch)` entries of `tensor` are frames; zeros fill up the rest."""

    tensor: FrameTensor  # [N, C, H, W] or [N, H, W, C]; with a window [N, T, ...]; of the declared dtype
    indices: Sequence[int]  # which frames of the input, counted from 0 in order of presentation
    pts: Sequence[int | None]  # in ticks of the stream's time base
    seconds: Sequence[float]
    segments: Sequence[int]
    result_shape: tuple[int, ...]  # of one result

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def frames(self) -> int:
        """Frames that results are wanted of."""
        return len(self.indices)

    @property
    def slots(self) -> int:
        """Entries of the tensor."""
        return self.tensor.shape[0]

    @property
    def dtype(self) -> str:
        """Of the tensor: "float32"."""
        return self.tensor.dtype

    def numpy(self) -> Any:
        """The frames as an array of numpy on the same memory, without what the batch is filled up with."""
        import numpy

        return numpy.asarray(self.tensor)[: len(self.indices)]
