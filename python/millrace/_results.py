"""What a script may return, and what it is told when it returns something else."""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Hashable, Iterable, Sequence
from itertools import islice
from typing import Any, Protocol

from millrace._batch import Batch
from millrace._declare import Kind, ScriptError

# Formats of the buffer protocol, native byte order.
_FORMATS = {
    "e": "float16", "f": "float32", "d": "float64",
    "B": "uint8", "H": "uint16", "b": "int8", "i": "int32", "l": "int64",
}  # fmt: skip
_TYPE_NAME = re.compile(r"([<>]?\w+)['>]*$")
_GPUS = {2: "cuda", 13: "cuda", 10: "rocm"}  # DLPack's kinds of devices; all others are the host's memory here


class Expected(Protocol):
    """What is known of the results of one batch."""

    @property
    def frames(self) -> int:
        """Frames that are wanted back."""

    @property
    def slots(self) -> int:
        """Frames that were handed over: those, and copies that fill the batch."""

    @property
    def result_shape(self) -> Sequence[int]:
        """Of one picture, in the declared layout."""

    @property
    def rate(self) -> int:
        """Pictures that are wanted of each frame."""

    @property
    def dtype(self) -> str:
        """Of pictures: "float32"."""

    @property
    def device(self) -> str:
        """Of pictures: "cpu", "cuda:0"."""

    @property
    def pixel_format(self) -> str:
        """Of yuv planes; empty for other pictures."""


def shape_and_dtype(value: object) -> tuple[tuple[int, ...], str] | None:
    """Of anything like an array: numpy, torch, cupy, jax, or the buffer protocol. None: it is none."""
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if shape is not None and dtype is not None:
        return tuple(map(int, shape)), _type_name(dtype) if isinstance(dtype, Hashable) else _name_in(str(dtype))
    try:
        view = memoryview(value)  # type: ignore[arg-type]
    except TypeError:
        return None
    return tuple(view.shape or ()), _FORMATS.get(view.format.lstrip("@="), view.format)


@functools.lru_cache(maxsize=64)
def _type_name(dtype: Hashable) -> str:
    """Kept, as numpy takes 10 us to say it."""
    return _name_in(str(dtype))


def _name_in(said: str) -> str:
    """ "float32" of that, "torch.float32", "<dtype: 'float32'>"; of a foreign byte order ">f4", which fits nothing."""
    name = _TYPE_NAME.search(said)
    return name[1] if name else said


def device_of(value: object) -> str:
    """Where an array is: "cuda:0"; what does not say so is on the CPU."""
    say = getattr(value, "__dlpack_device__", None)
    kind, index = map(int, say()) if say else (1, 0)
    return f"{_GPUS[kind]}:{index}" if kind in _GPUS else "cpu"


def plain(array: Any) -> Any:
    """The same values without torch's gradients, which nobody else takes; on a GPU compact."""
    return _plain(array, device_of(array))


def _plain(array: Any, device: str) -> Any:
    """`device`: where it is."""
    if isinstance(array, Batch):
        return array.frames_tensor()
    if getattr(array, "requires_grad", False):
        array = array.detach()
    if device == "cpu":
        return array
    if hasattr(array, "contiguous"):
        return array.contiguous()
    flags = getattr(array, "flags", None)
    return array.copy(order="C") if flags is not None and not flags.c_contiguous else array


def described(value: object) -> str:
    """What was found, for messages: "float32 [4, 3, 180, 320]", or the type of what is no array."""
    found = shape_and_dtype(value)
    return f"{found[1]} {list(found[0])}" if found else type(value).__name__


def _advice(shape: Sequence[int], wanted: Sequence[int], dtype: str, batch: Expected) -> str:
    if dtype != batch.dtype:
        return f"convert it to {batch.dtype}"
    if tuple(shape) == tuple(wanted[1:]):
        return "that is one frame without the batch's dimension: return array[None], or a list of one array a frame"
    if shape[1:] == wanted[1:] and len(wanted) > 3:
        return "pictures of each frame are declared with rate"
    if sorted(shape) == sorted(wanted) and len(shape) > 1:
        return "is its layout the one that the decorator declares?"
    if batch.pixel_format:
        return f"planes ({batch.pixel_format}) come back as they were handed over"
    return "a size other than the input's is declared with scale"


def _check_array(value: object, shapes: Sequence[tuple[int, ...]], batch: Expected, what: str) -> None:
    found = shape_and_dtype(value)
    if found and found[0] in shapes and found[1] == batch.dtype:
        return _check_device(value, batch.device, what)
    wanted = _either(*(f"{batch.dtype} {list(shape)}" for shape in shapes))
    advice = _advice(found[0], shapes[0], found[1], batch) if found else "return an array"
    raise ScriptError(f"expected {wanted}{what}, found {described(value)}; {advice}", code="failed")


def _check_device(value: object, wanted: str, what: str) -> None:
    found = device_of(value)
    if found == wanted:
        return
    advice = "leave it there" if wanted != "cpu" else "bring it there, or choose --device cuda"
    raise ScriptError(f"expected an array on {wanted}{what}, found one on {found}; {advice}", code="failed")


def _check_count(results: Any, batch: Expected, what: str) -> None:
    lists = hasattr(results, "__len__") and hasattr(results, "__iter__")
    if not lists or isinstance(results, (str, bytes, dict, Batch)):
        raise ScriptError(f"expected a list of {what}, {_each(batch)}, found {type(results).__name__}", code="failed")
    counts = _counts(batch)
    if len(results) not in counts:
        raise ScriptError(f"expected {_either(*counts)} {what}, {_each(batch)}, found {len(results)}", code="failed")


def _counts(batch: Expected) -> tuple[int, int]:
    """Of results: for the frames, and for all slots."""
    return batch.frames * batch.rate, batch.slots * batch.rate


def _each(batch: Expected) -> str:
    return "one a frame" if batch.rate == 1 else f"{batch.rate} a frame"


def _either(*choices: object) -> str:
    return " or ".join(dict.fromkeys(map(str, choices)))


def check_pictures(results: Any, batch: Expected) -> None:
    """One array for the batch, or a list of one a picture; with or without those that fill it up."""
    picture = tuple(batch.result_shape)
    if isinstance(results, (list, tuple)):
        _check_count(results, batch, "pictures")
        for index, result in enumerate(results):
            _check_array(result, [picture], batch, f" for picture {index} of the batch")
        return
    _check_array(results, [(count, *picture) for count in _counts(batch)], batch, "")


def _finite(value: object) -> object:
    """The same with null for what JSON has no number for."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, (list, tuple)) else value


def json_texts(results: Iterable[object], frames: int) -> list[str]:
    """A line of JSON for each of the first `frames` results; NaN and infinity are null, as for models."""
    return [_json_text(index, result) for index, result in enumerate(islice(results, frames))]


def _json_text(index: int, result: object) -> str:
    try:
        return json.dumps(_finite(result), allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise ScriptError(
            f"frame {index} of the batch: {type(result).__name__} is no JSON ({error}); numbers of numpy and torch "
            "become Python's with float(x), int(x) or x.tolist()",
            code="failed",
        ) from error


def check_result(kind: Kind, results: Any, batch: Expected) -> Any:
    """What the engine takes: of an analyser its lines of JSON, of a processor the results themselves.

    Raises ScriptError where they are not what an entry of this kind returns for the batch.
    """
    if kind == "processor":
        check_pictures(results, batch)
        device = batch.device  # where check_pictures() found them
        if isinstance(results, (list, tuple)):
            return [_plain(result, device) for result in results]
        return _plain(results, device)
    _check_count(results, batch, "objects")
    return json_texts(results, batch.frames)
