"""millrace.Writer on a GPU beside `.cpu()` in the loop: the same frames, the same file.

python bench/gpu/writer.py [--size 1920x1080] [--chunks 60] [--runs 3] [--json FILE]

The decoder of examples/generate_vae.py makes four frames at a time. "writer" hands them over where they are; "in line"
brings the floats down first, as most programs do (`frames.cpu()`), quantises them in the loop and hands them to the
same encoders; "alone" throws them away. Measured is the loop, from the first chunk after three to warm up to the end of
the last one on the GPU: frames a second, and by CUPTI the share of that time in which a kernel ran. The encoders are
not the limit where `write_waits` is 0. Files are compared packet by packet.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [os.environ.get("MILLRACE_PACKAGE", str(ROOT / "build/cuda/python")), str(ROOT / "examples")]

import millrace  # noqa: E402
import torch  # noqa: E402
from generate_vae import CHUNK, SCALE, TorchDecoder, latents  # noqa: E402
from millrace import _engine  # noqa: E402

WARM = 3  # chunks


def packets(path):
    words = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0", "-c", "copy", "-f", "framehash", "-"]
    return subprocess.run(words, capture_output=True, check=True).stdout


def timed(decoder, chunks, write):
    """What decoding and `write` took, of each of its frames, from after the first chunks on."""
    watch, began, in_write = None, 0.0, 0.0
    for number, latent in enumerate(chunks):
        if number == WARM:
            torch.cuda.synchronize()
            watch, began, in_write = _engine.GpuWatch(), time.perf_counter(), 0.0
        frames = decoder(latent)
        before = time.perf_counter()
        write(frames)
        in_write += time.perf_counter() - before
    torch.cuda.synchronize()
    seconds = time.perf_counter() - began
    seen = json.loads(watch.stop())
    (gpu,) = seen["gpus"]
    return {
        "fps": (len(chunks) - WARM) * CHUNK / seconds,
        "kernel_busy": gpu["kernel_share"],
        "down_bytes_a_frame": gpu["down"]["bytes"] / ((len(chunks) - WARM) * CHUNK),
        "down_seconds": gpu["down"]["seconds"],
        "host_in_write": in_write / seconds,
        "idle_seconds": seconds * (1 - gpu["kernel_share"]),
        "notes": seen["notes"],
    }


def loop(path, arguments, decoder, chunks, kind):
    """One file; what the loop took."""
    if kind == "alone":
        return timed(decoder, chunks, lambda _: None)
    width, height = arguments.size
    device = "cuda" if kind == "writer" else "cpu"
    writing = {"frame_rate": 24, "dtype": decoder.dtype, "preset": arguments.preset, "memory": arguments.memory}
    with millrace.Writer(path, width=width, height=height, device=device, overwrite=True, **writing) as writer:
        found = timed(decoder, chunks, writer.write if kind == "writer" else lambda frames: writer.write(frames.cpu()))
    waits = next(stage.wait_output_seconds for stage in writer.report.stages if stage.name == "write")
    return found | {"write_waits": waits, "file_fps": writer.report.fps}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=lambda text: tuple(map(int, text.split("x"))), default=(1920, 1080))
    parser.add_argument("--chunks", type=int, default=60)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--features", type=int, default=128)
    parser.add_argument("--preset", default="ultrafast")
    parser.add_argument("--memory", default="8G")
    parser.add_argument("--json")
    arguments = parser.parse_args()
    width, height = arguments.size
    decoder = TorchDecoder("cuda", arguments.features, 0)
    small = (height // SCALE, width // SCALE)
    chunks = [decoder.place(latents(number, *small, 0)) for number in range(arguments.chunks + WARM)]
    found = {"writer": [], "in line": [], "alone": []}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(arguments.runs):  # turn by turn: what else the machine does falls on both
            for kind, runs in found.items():
                runs.append(loop(Path(folder, f"{kind}.mp4"), arguments, decoder, chunks, kind))
        same = packets(Path(folder, "writer.mp4")) == packets(Path(folder, "in line.mp4"))
    for kind, runs in found.items():
        line = {name: statistics.median(run[name] for run in runs) for name in runs[0] if name != "notes"}
        print(kind, json.dumps(line), *runs[0]["notes"])
    ratios = [a["fps"] / b["fps"] for a, b in zip(found["writer"], found["in line"], strict=True)]
    print(f"ratio {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f}), files identical: {same}")
    if arguments.json:
        Path(arguments.json).write_text(json.dumps({"runs": found, "ratios": ratios, "same": same}, indent=2))
    return 0 if same else 1


if __name__ == "__main__":
    raise SystemExit(main())
