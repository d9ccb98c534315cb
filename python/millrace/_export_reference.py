"""The module itself as the judge of what was exported: its results on frames, and the shapes that it takes."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from millrace import _export_check as check
from millrace import _export_module as torch_side
from millrace._export_onnx import Ports
from millrace._export_report import ExportError

_AXES = {"batch": "N", "height": "H", "width": "W"}
_MORE = {"batch": 1, "height": 64, "width": 128}  # in the second shape that is tried
_FRAMES = 4


@dataclass(frozen=True)
class Asked:
    """What export() was given, checked."""

    example: list[Any]  # arrays of numpy, one an input; the first is the picture
    settings: dict[str, Any]
    inputs: list[str]
    outputs: Sequence[str] | None  # None: all of them
    dynamic: tuple[str, ...] | None  # None: what the module takes

    def axis(self, name: str) -> int:
        """Of the picture."""
        if name == "batch":
            return 0
        last = {"height": 2, "width": 1}[name]
        rank = int(self.example[0].ndim)
        return rank - last if self.settings["input.layout"] == "nchw" else rank - last - 1

    def larger(self, names: Collection[str]) -> list[Any]:
        """Inputs like the example whose picture is larger in these extents."""
        shape = list(self.example[0].shape)
        for name in names:
            shape[self.axis(name)] += _MORE[name]
        return [check.normalised(check.synthetic(shape, 9), self.settings), *self.example[1:]]


def asked_of(
    module: Any,
    example: Any,
    settings: Mapping[str, Any] | None,
    dynamic: Collection[str] | None,
    names: tuple[Sequence[str] | None, Sequence[str] | None],
) -> Asked:
    """Raises ExportError."""
    torch: Any = import_module("torch")
    if not isinstance(module, torch.nn.Module):
        raise ExportError(f"module: expected a torch.nn.Module, found {type(module).__name__}")
    tensors = list(example) if isinstance(example, (tuple, list)) else [example]
    if not tensors or not all(isinstance(tensor, torch.Tensor) for tensor in tensors):
        raise ExportError(f"example: expected a tensor or a tuple of tensors, found {type(example).__name__}")
    if not tensors[0].is_floating_point() or tensors[0].ndim not in (4, 5):
        raise ExportError(
            f"example: expected pictures as floats [N, C, H, W] or [N, T, C, H, W] (or channels last), found "
            f"{tensors[0].dtype} {list(tensors[0].shape)}"
        )
    inputs, outputs = names
    inputs = list(inputs or ["input", *(f"input_{i}" for i in range(1, len(tensors)))])
    if len(inputs) != len(tensors):
        raise ExportError(f"inputs: expected {len(tensors)} names, one a tensor of the example, found {len(inputs)}")
    if unknown := sorted(set(dynamic or ()) - set(_AXES)):
        raise ExportError(f"dynamic: expected names among {', '.join(_AXES)}, found {', '.join(unknown)}")
    if dynamic and len(tensors) > 1:
        raise ExportError("dynamic: a model with more than one input has one shape; leave it out")
    ordered = None if dynamic is None else tuple(name for name in _AXES if name in dynamic)
    arrays = [tensor.detach().to("cpu").contiguous() for tensor in tensors]
    arrays = [(tensor.float() if tensor.is_floating_point() else tensor).numpy() for tensor in arrays]
    return Asked(arrays, _settings(dict(settings or {}), arrays[0].shape, inputs[0]), inputs, outputs, ordered)


def _settings(said: dict[str, Any], shape: Sequence[int], picture: str) -> dict[str, Any]:
    """With what follows from the example, so that the file says it too."""
    bare = {key.removeprefix("millrace."): value for key, value in said.items()}
    last_is_channels = shape[-1] in (1, 3) and shape[-3] not in (1, 3)
    known: dict[str, Any] = {"input.name": picture, "input.range": "1"}
    known["input.layout"] = "nhwc" if last_is_channels else "nchw"
    layout = bare.get("input.layout", known["input.layout"])
    channels = shape[-1] if layout == "nhwc" else shape[-3]
    known["input.color"] = "y" if channels == 1 else "rgb"
    return {**known, **{key: list(value) if isinstance(value, tuple) else value for key, value in bare.items()}}


class Reference:
    """The module's results, before anything was done to it."""

    def __init__(self, module: Any, asked: Asked, frames: Any) -> None:
        self.asked = asked
        self.notes: list[str] = []
        self._module = torch_side.copied(module)
        self.batches, self.compared_on = _batches(asked, frames)
        names, first = self._first_results(module)
        again = self._results(self.batches[0])[1]
        if check.largest_error(again, first) > 0:
            raise ExportError(
                "the module gives different results for the same input in eval mode; make what is random in it depend "
                "on self.training"
            )
        self._outputs = names
        self._expected = [first, *(self._results(batch)[1] for batch in self.batches[1:])]
        self.dynamic: tuple[str, ...] = ()
        self.ports = Ports(asked.inputs, names, {})
        self._take_dynamic(first)

    def error_of(self, data: bytes) -> float:
        """Of a model's bytes: the largest over all inputs."""
        model = check.onnx_run(data, self.asked.inputs)
        worst = 0.0
        for batch, expected in zip(self.batches, self._expected, strict=True):
            try:
                worst = max(worst, check.largest_error(model(batch), expected))
            except Exception as error:  # ONNX Runtime's own classes
                shape = "x".join(map(str, batch[0].shape))
                self.notes.append(f"ONNX Runtime failed at {shape}: {str(error).splitlines()[0]}")
                return float("inf")
        return worst

    def _results(self, batch: Sequence[Any]) -> tuple[list[str], list[Any]]:
        names, tensors = torch_side.flat_results(torch_side.results_of(self._module, batch), self.asked.outputs)
        if not all(hasattr(tensor, "numpy") for tensor in tensors):
            kinds = ", ".join(type(tensor).__name__ for tensor in tensors)
            raise ExportError(f"the module returns {kinds}; expected tensors, in a tuple or a dict")
        return names, [tensor.numpy() for tensor in tensors]

    def _first_results(self, module: Any) -> tuple[list[str], list[Any]]:
        try:
            return self._results(self.batches[0])
        except ExportError:
            raise
        except Exception as error:  # whatever a module raises for what it was not made for
            given = ", ".join(f"{array.dtype} {list(array.shape)}" for array in self.asked.example)
            said = str(error).strip().splitlines() or ["without a message"]
            raise ExportError(
                f"example: {type(module).__name__} does not take {given}: {type(error).__name__}: {said[0]}; expected "
                f"an input that the module works on: {torch_side.taken(module)}"
            ) from error

    def _take_dynamic(self, first: Sequence[Any]) -> None:
        """Which extents may vary: tried on the module, and compared later, as exporters may make constants of them."""
        asked = self.asked
        wanted = self._taken_by_default(first) if asked.dynamic is None else asked.dynamic
        if not wanted:
            return
        batch = asked.larger(wanted)
        try:
            results = self._results(batch)[1]
        except Exception as error:
            shape = "x".join(map(str, batch[0].shape))
            said = f"the module does not take {shape}: {type(error).__name__}: {str(error).splitlines()[0]}"
            if asked.dynamic is not None:
                raise ExportError(f"dynamic: {said}; leave out what cannot vary") from error
            self.notes.append(f"one shape, as {said}")
            return
        self.dynamic = wanted
        self.batches.append(batch)
        self._expected.append(results)
        self.ports = Ports(asked.inputs, self._outputs, self._axes(first, results))

    def _taken_by_default(self, first: Sequence[Any]) -> tuple[str, ...]:
        """All where pictures are made; else the batch alone, as a size belongs to what a model was trained on."""
        if len(self.asked.inputs) > 1:
            return ()
        picture = self.asked.example[0]
        if first[0].ndim != picture.ndim:
            return ("batch",)
        axes = [self.asked.axis(name) for name in ("height", "width")]
        whole = [first[0].shape[axis] % picture.shape[axis] == 0 for axis in axes]
        return tuple(_AXES) if all(whole) else ("batch",)

    def _axes(self, first: Sequence[Any], larger: Sequence[Any]) -> dict[str, dict[int, str]]:
        axes = {self.asked.inputs[0]: {self.asked.axis(name): _AXES[name] for name in self.dynamic}}
        for name, one, other in zip(self._outputs, first, larger, strict=True):
            varying = [axis for axis in range(one.ndim) if one.shape[axis] != other.shape[axis]]
            axes[name] = {axis: f"{name}_{axis}" if axis else "N" for axis in varying}
        return axes


def _batches(asked: Asked, frames: Any) -> tuple[list[list[Any]], str]:
    """Inputs to compare on, in the example's shape, and what they are."""
    import numpy

    shape = asked.example[0].shape
    if frames is None:
        count = -(-_FRAMES // shape[0])
        pictures = numpy.concatenate([check.synthetic(shape, seed) for seed in range(count)])
        pictures, said = check.normalised(pictures, asked.settings), f"{len(pictures)} made-up frames"
    elif isinstance(frames, (str, os.PathLike)):
        pictures = check.of_clip(Path(frames), shape, asked.settings, max(_FRAMES, shape[0]))
        pictures, said = check.normalised(pictures, asked.settings), f"{len(pictures)} frames of {os.fspath(frames)}"
    else:
        pictures = numpy.ascontiguousarray(frames, numpy.float32)
        said = f"{len(pictures)} given frames"
        if pictures.ndim != len(shape) or pictures.shape[1:] != tuple(shape[1:]):
            raise ExportError(
                f"frames: expected [frames, {', '.join(map(str, shape[1:]))}], found {list(pictures.shape)}"
            )
    if not len(pictures):
        raise ExportError("frames: expected at least one, found none")
    count = shape[0]
    chunks = [
        pictures[numpy.arange(at, at + count).clip(max=len(pictures) - 1)] for at in range(0, len(pictures), count)
    ]
    return [[chunk, *asked.example[1:]] for chunk in chunks], said
