"""A PyTorch module as an ONNX file that `millrace run -m` takes, compared with the module before it is accepted."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from millrace import _export_module as torch_side
from millrace import _export_onnx as onnx_side
from millrace._export_reference import Reference, asked_of
from millrace._export_report import ExportError, ExportReport


def export(
    module: Any,
    example: Any,
    path: str | os.PathLike[str],
    *,
    settings: Mapping[str, Any] | None = None,
    frames: Any = None,
    dynamic: Collection[str] | None = None,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    fp16: bool = False,
    tolerance: float = 1e-4,
    fp16_tolerance: float = 1e-2,
    opset: int | None = None,
) -> ExportReport:
    """Writes a PyTorch module as an ONNX file, ready for `millrace run -m`. The module stays as it is.

    `example` is a tensor of the shape that the module takes, or a tuple of tensors. `settings` are those of
    docs/models.md without a prefix; they are written into the file. `frames` are what the file is compared with the
    module on: a video, or an array of such inputs; without it, made-up pictures. `dynamic` names the extents that may
    vary ("batch", "height", "width"); without it, those that the module takes. `outputs` names the results; of a
    module that returns a dict it chooses among its keys. `fp16=True` makes it float16 where that stays within
    `fp16_tolerance`. Raises ExportError, and then writes nothing.
    """
    _need("torch", "numpy", "onnx", "onnxruntime")
    asked = asked_of(module, example, settings, dynamic, (inputs, outputs))
    reference = Reference(module, asked, frames)
    model, removed = _converted(module, reference, opset)
    error = reference.error_of(onnx_side.serialized(model))
    if not error <= tolerance:
        raise ExportError(_too_far(error, tolerance, reference))
    chosen = _Chosen(model, "float32", error, tolerance)
    if fp16:
        chosen = _float16_where_it_holds(chosen, fp16_tolerance, reference)
    data = onnx_side.serialized(chosen.model)
    resolved = _accepted(data, Path(path))
    return ExportReport(
        path=os.fspath(path),
        precision=chosen.precision,
        max_error=chosen.error,
        tolerance=chosen.tolerance,
        fp16_error=chosen.fp16_error,
        compared_on=reference.compared_on,
        dynamic=reference.dynamic,
        removed=tuple(removed),
        settings=resolved,
        nodes=len(chosen.model.graph.node),
        parameters=onnx_side.parameters(chosen.model),
        bytes=len(data),
        exporter=onnx_side.exporter_name(),
        notes=tuple(reference.notes),
    )


@dataclass(frozen=True)
class _Chosen:
    """A model and how far it is from the module."""

    model: Any
    precision: Literal["float32", "float16"]
    error: float
    tolerance: float
    fp16_error: float | None = None  # where it was tried


def _need(*packages: str) -> None:
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise ExportError(
            f"export needs {', '.join(missing)}; install: {sys.executable} -m pip install {' '.join(missing)}"
        )


def _converted(module: Any, reference: Reference, opset: int | None) -> tuple[Any, list[str]]:
    """The module as a model in float32, and what was taken out of it."""
    working = torch_side.copied(module)
    norms = torch_side.batch_norms(working)
    removed = torch_side.simplify(working)
    flat = torch_side.flat_module(working, reference.ports.outputs)
    model, warned = onnx_side.exported(flat, reference.batches[-1], reference.ports, opset)
    reference.notes += [f"torch warned: {text}" for text in dict.fromkeys(warned)]
    model = onnx_side.with_settings(onnx_side.simplified(model), reference.asked.settings)
    left = onnx_side.counts(model)["BatchNormalization"]
    if norms > left:
        removed.append(f"{_batch_norms(norms - left)} folded into the convolutions before them")
    if left:
        reference.notes.append(f"{_batch_norms(left)} kept, as no convolution is right before")
    return model, removed


def _batch_norms(count: int) -> str:
    return f"{count} batch norm{'s' if count > 1 else ''}"


def _too_far(error: float, tolerance: float, reference: Reference) -> str:
    found = "shapes or NaNs differ" if error == float("inf") else f"the largest error is {error:.2g}"
    noted = "".join(f"; {note}" for note in reference.notes)
    advice = "allow more with tolerance="
    if reference.dynamic:
        advice = f"where Python computes sizes, take them from tensors, or fix them with dynamic=(); or {advice}"
    return (
        f"the exported model is not the module: expected errors of at most {tolerance:.2g} of the largest value on "
        f"{reference.compared_on}, but {found}{noted}; {advice}"
    )


def _float16_where_it_holds(chosen: _Chosen, tolerance: float, reference: Reference) -> _Chosen:
    try:
        model = onnx_side.as_float16(chosen.model)
        data = onnx_side.serialized(model)
        onnx_side.try_elsewhere(data)
        error = reference.error_of(data)
    except Exception as failure:  # the converter's, or ONNX Runtime's that cannot load what it made
        reference.notes.append(f"float32, as float16 failed: {type(failure).__name__}: {failure}".splitlines()[0])
        return chosen
    if error <= tolerance:
        return _Chosen(model, "float16", error, tolerance, error)
    reference.notes.append(f"float32, as float16 has an error of {error:.2g}, more than {tolerance:.2g}")
    return _Chosen(chosen.model, "float32", chosen.error, chosen.tolerance, error)


def _accepted(data: bytes, path: Path) -> dict[str, Any]:
    """Puts the file in its place once the engine has understood it; the settings as it did."""
    if not path.parent.is_dir():
        raise ExportError(f"{path}: there is no folder {path.parent}; make it first")
    beside = path.with_name(f".{path.name}.{os.getpid()}.onnx")
    try:
        beside.write_bytes(data)
        shown = _shown(beside)
        beside.replace(path)
    except OSError as error:
        raise ExportError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        beside.unlink(missing_ok=True)
    return {key: entry["value"] for key, entry in shown["settings"].items()}


def _shown(file: Path) -> dict[str, Any]:
    """What `millrace model show` says of a file."""
    program = "import sys; from millrace.__main__ import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "model", "show", "--json", str(file)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        said = done.stderr.strip().replace(f"{file}: ", "")
        raise ExportError(f"the engine cannot use the model: {said}; change the settings")
    shown: dict[str, Any] = json.loads(done.stdout)
    return shown
