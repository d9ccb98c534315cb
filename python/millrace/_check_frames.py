"""Frames made up for `millrace script check`, as the engine would hand them to a script."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from millrace._batch import Batch, tensor_of_frames
from millrace._declare import ScriptError

if TYPE_CHECKING:
    from millrace._engine import FrameTensor

_RATE = 25  # frames a second
_TICKS = 512  # a frame
_ALIGNMENT = 256  # bytes


@tensor_of_frames
class HostFrames:
    """What the engine's FrameTensor is to a script, on memory of numpy."""

    device = "cpu"

    def __init__(self, array: Any) -> None:
        self.array = array

    @classmethod
    def of(cls, array: Any) -> FrameTensor:
        """For a Batch, to which it is the same."""
        return cast("FrameTensor", cls(array))

    @property
    def owner(self) -> Any:
        """Of the memory, which every view keeps."""
        return self.array if self.array.base is None else self.array.base

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.array.shape)

    @property
    def dtype(self) -> str:
        return str(self.array.dtype)

    @property
    def __array_interface__(self) -> Any:
        return self.array.__array_interface__

    def first(self, count: int) -> HostFrames:
        return HostFrames(self.array[:count])

    def wait(self) -> None:
        pass

    def __dlpack__(self, **asked: Any) -> Any:
        asked.pop("stream", None)  # there is none on the CPU
        try:
            return self.array.__dlpack__(**asked)
        except TypeError:  # numpy 1 knows nothing else
            return self.array.__dlpack__()

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


@dataclass(frozen=True)
class Wanted:
    """What a script declared, with what was left open."""

    width: int
    height: int
    color: str
    dtype: str
    layout: str
    white: int
    batch: int
    window: tuple[int, int]
    scale: int
    rate: int

    @property
    def channels(self) -> int:
        return 1 if self.color in ("luma", "y") else 3

    @property
    def pixel_format(self) -> str:
        return "yuv420p" if self.color == "yuv" else ""

    def picture(self, scale: int = 1) -> tuple[int, ...]:
        if self.color == "yuv":
            return (self.height * 3 // 2, self.width)
        extents = (self.height * scale, self.width * scale)
        return (self.channels, *extents) if self.layout == "nchw" else (*extents, self.channels)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tensor."""
        neighbours = sum(self.window) + 1
        return (self.batch, *((neighbours,) if neighbours > 1 else ()), *self.picture())

    @property
    def byte_count(self) -> int:
        """Of the tensor."""
        return math.prod(self.shape) * {"uint8": 1, "float16": 2}.get(self.dtype, 4)


def wanted(description: Mapping[str, Any], size: Sequence[int], batch: int) -> Wanted:
    """`size` (width, height) of the video; where the script declares one, frames come in that."""
    said: Mapping[str, str] = description["settings"]
    width, height = json.loads(said["input.size"]) if "input.size" in said else size
    planes = said.get("input.color") == "yuv"
    if planes and (width % 2 or height % 2):
        raise ScriptError(f"--size {width}x{height}: the planes are made in yuv420p; expected an even width and height",
                          code="usage")  # fmt: skip
    before, after = json.loads(said.get("window", "[0, 0]"))
    return Wanted(
        width=width,
        height=height,
        color="luma" if said.get("input.color") == "y" else said.get("input.color", "rgb"),
        dtype="uint8" if planes else description["dtype"],
        layout=said.get("input.layout", "nchw"),
        white=255 if planes else int(said.get("input.range", "1")),
        batch=batch,
        window=(before, after),
        scale=description["scale"],
        rate=description["rate"],
    )


def batch_of(asked: Wanted, start: int, count: int) -> Batch:
    """Frames from `start` on, `count` of them, in a tensor of the full batch."""

    array = aligned(asked.shape, asked.dtype)
    before, after = asked.window
    for slot in range(count):
        if before + after == 0:
            array[slot] = _frame(asked, start + slot)
        else:
            array[slot] = [_frame(asked, max(0, start + slot + offset)) for offset in range(-before, after + 1)]
    numbers = range(start, start + count)
    return Batch(
        tensor=HostFrames.of(array),
        indices=tuple(numbers),
        pts=tuple(number * _TICKS for number in numbers),
        seconds=tuple(number / _RATE for number in numbers),
        segments=(0,) * count,
        result_shape=asked.picture(asked.scale),
        rate=asked.rate,
        pixel_format=asked.pixel_format,
    )


def aligned(shape: Sequence[int], dtype: str) -> Any:
    """Zeros, aligned as the engine's memory: JAX copies what is not."""
    import numpy

    size = int(numpy.prod(shape)) * numpy.dtype(dtype).itemsize
    memory = numpy.zeros(size + _ALIGNMENT, numpy.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(shape)


def _frame(asked: Wanted, number: int) -> Any:
    """A gradient that moves a little with every frame, another in each channel."""
    import numpy

    rows = numpy.linspace(0, 1, asked.height, endpoint=False)[:, None, None]
    columns = numpy.linspace(0, 1, asked.width, endpoint=False)[None, :, None]
    turned = (rows + columns) / 2 + numpy.arange(asked.channels) / 3 + number / 50
    picture = turned % 1 * asked.white
    if asked.dtype == "uint8":
        picture = numpy.rint(picture)
    if asked.color == "yuv":  # chroma in half the size, one plane after another
        planes = [picture[..., 0], picture[::2, ::2, 1], picture[::2, ::2, 2]]
        return numpy.concatenate([plane.ravel() for plane in planes]).reshape(asked.picture()).astype("uint8")
    return (picture.transpose(2, 0, 1) if asked.layout == "nchw" else picture).astype(asked.dtype)
