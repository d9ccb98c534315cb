"""What a script is handed: frames, and which they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from millrace._engine import FrameTensor
from millrace._not_array import no_array

tensor_of_frames = no_array(
    "FrameTensor",
    "numpy.asarray(tensor) or torch.from_dlpack(tensor)",
    "torch.from_dlpack(tensor) or cupy.from_dlpack(tensor)",
    "torch.from_dlpack(tensor)",
)
tensor_of_frames(FrameTensor)


class Shared:
    """Frames that numpy, torch, cupy, jax and TensorFlow use on the same memory."""

    def frames_tensor(self) -> FrameTensor:
        """The frames alone."""
        raise NotImplementedError

    def __dlpack__(self, **asked: Any) -> Any:
        """For `from_dlpack(...)` of torch, cupy, jax and numpy: the frames, without a copy."""
        return self.frames_tensor().__dlpack__(**asked)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.frames_tensor().__dlpack_device__()

    def numpy(self) -> Any:
        """The frames as an array of numpy on the same memory, which is the host's."""
        frames = self.frames_tensor()
        if frames.device != "cpu":
            raise TypeError(f"the frames are on {frames.device}, where numpy cannot look: use .torch() or .cupy()")
        return import_module("numpy").asarray(frames)

    def torch(self) -> Any:
        """The frames as a tensor of torch on the same memory; torch's current stream waits until they are there."""
        return import_module("torch").from_dlpack(self)

    def cupy(self) -> Any:
        """The frames as an array of cupy on the same memory; cupy's current stream waits until they are there."""
        return import_module("cupy").from_dlpack(self)

    def jax(self) -> Any:
        """The frames as an array of jax, on the same memory where jax takes it (docs/scripting.md)."""
        return import_module("jax.dlpack").from_dlpack(self)

    def to_tf(self) -> Any:
        """The frames as a tensor of TensorFlow on the same memory. TensorFlow knows no streams: waits for the GPU."""
        part = self.frames_tensor()
        part.wait()
        return import_module("tensorflow").experimental.dlpack.from_dlpack(part.__dlpack__(stream=-1))


@dataclass(frozen=True)
class Info:
    """What is known before the first batch."""

    width: int  # of the frames that the script is handed
    height: int
    device: str  # "cpu", "cuda:0"
    batch: int
    pixel_format: str = ""  # of yuv planes, as batches say it


@no_array(
    "Batch",
    "batch.numpy(), .torch(), .jax() or .to_tf()",
    "batch.torch(), .cupy(), .jax() or .to_tf()",
    "batch.torch()",
)
@dataclass(frozen=True)
class Batch(Shared):
    """Frames for one call. The first `len(batch)` entries of `tensor` are frames; zeros fill up the rest."""

    tensor: FrameTensor  # [N, C, H, W] or [N, H, W, C], or yuv planes; with a window [N, T, ...]
    indices: Sequence[int]  # which frames of the input, counted from 0 in order of presentation
    pts: Sequence[int | None]  # in ticks of the stream's time base
    seconds: Sequence[float]
    segments: Sequence[int]
    result_shape: tuple[int, ...]  # of one picture
    rate: int = 1  # pictures that are wanted of each frame
    pixel_format: str = ""  # of yuv planes: "yuv420p", "yuv422p10le"

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

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the frames: `len(batch)` of them, and their extents."""
        return (len(self.indices), *self.tensor.shape[1:])

    @property
    def device(self) -> str:
        """Where the frames are: "cpu", "cuda:0"."""
        return self.tensor.device

    def frames_tensor(self) -> FrameTensor:
        """The frames alone."""
        return self.tensor if len(self.indices) == self.tensor.shape[0] else self.tensor.first(len(self.indices))
