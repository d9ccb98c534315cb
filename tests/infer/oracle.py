#!/usr/bin/env python3
"""What Python's onnxruntime makes of the tiny models: inputs and outputs for the tests of infer.

    oracle.py MODELS OUT

For each case OUT/<case>/ gets in<i>.bin and out<i>.bin (raw little-endian, in the order of the ports) and shapes.json.
Also OUT/half.bin: all 65536 float16 values as float32, by numpy.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import onnxruntime as ort

# case: model, shapes of the inputs, threads
CASES = {
    "conv": ("conv_rf", [(1, 3, 97, 131)], 1),
    "conv_threads": ("conv_rf", [(1, 3, 97, 131)], 2),
    "conv_batch": ("conv_rf", [(3, 3, 40, 24)], 1),
    "linear2x": ("linear2x", [(2, 3, 33, 47)], 1),
    "nhwc": ("nhwc_identity", [(1, 18, 32, 3)], 1),
    "half": ("fp16_identity", [(1, 3, 18, 32)], 1),
    "normalized": ("normalized_identity", [(1, 3, 18, 32)], 1),
    "window": ("window3_mean", [(2, 9, 18, 32)], 1),
    "window_axis": ("window_rank5", [(2, 3, 3, 18, 32)], 1),
    "recurrent": ("recurrent", [(1, 3, 18, 32), (1, 3, 18, 32)], 1),
    "two_outputs": ("two_outputs", [(2, 3, 18, 32)], 1),
    "classifier": ("classifier", [(4, 3, 18, 32)], 1),
    "luma": ("luma", [(1, 1, 18, 32)], 1),
    "static_batch": ("static_batch4", [(4, 3, 18, 32)], 1),
}
DTYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


def session(path: Path, threads: int) -> ort.InferenceSession:
    """A session with the settings that Millrace documents."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def write_case(models: Path, out: Path, name: str) -> None:
    """Run one case and keep what went in and came out."""
    model, shapes, threads = CASES[name]
    run = session(models / f"{model}.onnx", threads)
    rng = np.random.default_rng(sum(name.encode()))
    inputs = {
        port.name: rng.random(shape, np.float32).astype(DTYPES[port.type])
        for port, shape in zip(run.get_inputs(), shapes, strict=True)
    }
    outputs = run.run(None, inputs)
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    for i, array in enumerate(inputs.values()):
        array.tofile(folder / f"in{i}.bin")
    for i, array in enumerate(outputs):
        array.tofile(folder / f"out{i}.bin")
    shapes = {
        "model": f"{model}.onnx",
        "threads": threads,
        "inputs": [array.shape for array in inputs.values()],
        "outputs": [array.shape for array in outputs],
    }
    (folder / "shapes.json").write_text(json.dumps(shapes))


def main() -> None:
    parser = argparse.ArgumentParser(description="Write inputs and expected outputs.")
    parser.add_argument("models", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    for name in CASES:
        write_case(arguments.models, arguments.out, name)
    np.arange(65536, dtype=np.uint16).view(np.float16).astype(np.float32).tofile(arguments.out / "half.bin")


if __name__ == "__main__":
    main()
