#!/usr/bin/env python3
"""How many frames a second ONNX Runtime's CPU provider runs a model at, one frame at a time.

python -m train.speed upscale2x.onnx --size 640x360 --threads 2
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import onnxruntime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--size", default="640x360", help="used where the model leaves its size open")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=30)
    options = parser.parse_args()
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    session = onnxruntime.InferenceSession(options.model, settings, providers=["CPUExecutionProvider"])
    source = session.get_inputs()[0]
    width, height = map(int, options.size.split("x"))
    shape = [
        free if isinstance(axis, str) else axis for axis, free in zip(source.shape, (1, 3, height, width), strict=True)
    ]
    x = np.random.default_rng(0).random(shape, dtype=np.float32)
    times = []
    for _ in range(options.runs + 2):
        begin, busy = time.perf_counter(), time.process_time()
        session.run(None, {source.name: x})
        times.append((time.perf_counter() - begin, time.process_time() - busy))
    wall, cpu = np.array(times[2:]).T
    print(
        f"{options.model} {shape}, {options.threads} threads: median {1 / np.median(wall):.1f}, "
        f"best {1 / wall.min():.1f} frames/s of {options.runs} runs; {np.median(cpu):.4f} CPU seconds a frame"
    )


if __name__ == "__main__":
    main()
