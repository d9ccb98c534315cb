#!/usr/bin/env python3
"""Models alone as fused layers on cuDNN, beside ONNX Runtime's CUDA provider in its fastest way: one table.

    bench/gpu/fused.py BENCH [--models FOLDER] [--only NAME...]

BENCH is gpu_infer_bench; MILLRACE_ONNXRUNTIME names libonnxruntime with CUDA. Models are written by make_models.py into
FOLDER (default: a temporary one). `plans` is the time to choose plans the first time, `load` that to load them later.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PEER = "cuda/nhwc/graph/tf32/heuristic"


@dataclass
class Row:
    net: str
    size: str
    batch: int
    aim: str  # of frames a second, or of times ONNX Runtime's


ROWS = [
    Row("sr", "1920x1080", 1, ">= 140 fps"),
    Row("sr_relu", "1920x1080", 1, ">= 165 fps"),
    Row("resnet50", "224x224", 64, ">= 17000 fps"),
    Row("resnet50", "224x224", 256, ">= 17000 fps"),
    Row("espcn", "1920x1080", 1, ">= 1.5 x"),
    Row("fsrcnn", "1920x1080", 1, ">= 1.5 x"),
    Row("dncnn", "1920x1080", 1, ">= 1.5 x"),
    Row("unet", "1920x1080", 1, ">= 1.5 x"),
]


def measured(bench: str, model: Path, row: Row, choice: str) -> dict | str:
    """What the bench says, or why it says nothing."""
    words = [bench, str(model), row.size, choice, str(row.batch)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        return "took more than 120 s"
    if done.returncode != 0:
        return (done.stderr.strip().splitlines() or ["failed"])[-1]
    return json.loads(done.stdout.splitlines()[-1])


def reached(aim: str, fps: float, ratio: float) -> str:
    _, number, unit = aim.split()
    return "reached" if (fps if unit == "fps" else ratio) >= float(number) else "missed"


def line(bench: str, models: Path, row: Row) -> str:
    model = models / f"{row.net}.onnx"
    fused = measured(bench, model, row, "fused")
    peer = measured(bench, model, row, PEER)
    head = f"| {row.net}, {row.size} | {row.batch} | {row.aim} |"
    for found in (fused, peer):
        if isinstance(found, str):
            return f"{head} {found} | | | | | |"
    ratio = fused["fps"] / peer["fps"]
    return (
        f"{head} {fused['fps']:.1f} | {peer['fps']:.1f} | {ratio:.2f} | {fused['plans_s']:.1f} s |"
        f" {fused['load_s']:.2f} s | {reached(row.aim, fused['fps'], ratio)} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench")
    parser.add_argument("--models", type=Path)
    parser.add_argument("--only", nargs="*", default=[])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        models = options.models or Path(temporary)
        subprocess.run([sys.executable, HERE / "make_models.py", models], check=True, stdout=subprocess.DEVNULL)
        print("| net | batch | aim | fused, fps | ONNX Runtime, fps | ratio | plans | load | |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
        for row in ROWS:
            if not options.only or row.net in options.only:
                print(line(options.bench, models, row), flush=True)


if __name__ == "__main__":
    main()
