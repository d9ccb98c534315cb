"""Frames to compare on, and how far two results are apart."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from millrace._export_report import ExportError
from millrace._run import run

Run = Callable[[Sequence[Any]], Sequence[Any]]  # arrays of numpy to arrays of numpy


def synthetic(shape: Sequence[int], seed: int) -> Any:
    """A gradient that moves from entry to entry, edges and noise, from 0 to 1; the first axis is frames."""
    import numpy

    grid = numpy.indices(shape).astype(numpy.float64)
    extents = [max(2, extent) for extent in shape]
    slope = sum(grid[axis] / extents[axis] for axis in range(1, len(shape))) / max(1, len(shape) - 1)
    gradient = (slope + grid[0] / extents[0] + seed / 7) % 1.0
    edges = (grid[-1] // 8 + grid[-2] // 8) % 2 if len(shape) > 1 else 0.0
    noise = numpy.random.default_rng(seed).random(shape)
    return (0.7 * gradient + 0.15 * edges + 0.15 * noise).astype(numpy.float32)


def normalised(frames: Any, settings: Mapping[str, Any]) -> Any:
    """Frames from 0 to 1 as the engine hands them to a model with these settings."""
    import numpy

    white = 255 if "255" in str(settings.get("input.range", "1")) else 1
    nchw = settings.get("input.layout", "nchw") == "nchw"
    axis = (1, -1, 1, 1) if nchw else (1, 1, 1, -1)
    values = frames * numpy.float32(white)
    for key, apply in (("input.mean", numpy.subtract), ("input.std", numpy.divide)):
        if key in settings:
            numbers = numpy.atleast_1d(numpy.asarray(settings[key], numpy.float32))
            values = apply(values, numbers.reshape(axis) if values.ndim == 4 else numbers)
    return numpy.ascontiguousarray(values, numpy.float32)


_KEEP = """
import numpy
from millrace import analyser

@analyser({declared})
def keep(batch, *, folder: str):
    for index, frame in zip(batch.indices, batch.numpy()):
        numpy.save(f"{{folder}}/{{index:06d}}.npy", frame)
    return [None] * len(batch)
"""


def of_clip(clip: Path, shape: Sequence[int], settings: Mapping[str, Any], count: int) -> Any:
    """The first frames of a clip, read, resized and converted by the engine, from 0 to 1: [count, ...] of the shape."""
    import numpy

    said = {name: settings[f"input.{name}"] for name in ("color", "layout", "fit") if f"input.{name}" in settings}
    if "window" in settings:
        said["window"] = tuple(settings["window"])
    nchw = settings.get("input.layout", "nchw") == "nchw"
    height, width = shape[-2:] if nchw else shape[-3:-1]
    said["size"] = (width, height)
    declared = ", ".join(f"{name}={value!r}" for name, value in said.items())
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "keep.py")
        script.write_text(_KEEP.format(declared=declared), encoding="utf-8")
        run(clip, Path(folder, "lines.jsonl"), script=script, set={"folder": folder}, frames=count)
        kept = [numpy.load(file) for file in sorted(Path(folder).glob("*.npy"))]
    if not kept:
        raise ExportError(f"frames: {clip} has no frames")
    frames = numpy.stack(kept)
    if frames[0].size != numpy.prod(shape[1:]):
        raise ExportError(
            f"frames: one frame of {clip} is {list(frames.shape[1:])} with these settings, and the example has "
            f"{list(shape[1:])}; do the settings (input.color, input.layout, window) fit the example?"
        )
    return frames.reshape(len(frames), *shape[1:])


def largest_error(one: Sequence[Any], other: Sequence[Any]) -> float:
    """The largest difference, divided by the largest value of `other`; infinite where shapes or NaNs differ."""
    import numpy

    worst = 0.0
    for left, right in zip(one, other, strict=True):
        if left.shape != right.shape or not numpy.array_equal(numpy.isfinite(left), numpy.isfinite(right)):
            return float("inf")
        finite = numpy.isfinite(right)
        if finite.any():
            difference = numpy.abs(left[finite].astype(numpy.float64) - right[finite]).max()
            scale = max(float(numpy.abs(right[finite]).max()), 1e-12)
            worst = max(worst, float(difference) / scale)
    return worst


def onnx_run(data: bytes, names: Sequence[str]) -> Run:
    """Runs a model's bytes on the CPU; `names` of its inputs, in the order in which they are given."""
    onnxruntime: Any = import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    used = {port.name for port in session.get_inputs()}
    if unused := [name for name in names if name not in used]:
        raise ExportError(f"the module does not use its input {', '.join(unused)}; leave it out")
    return lambda inputs: session.run(None, dict(zip(names, inputs, strict=True)))
