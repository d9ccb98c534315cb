#!/usr/bin/env python3
"""Scripts beside the same work without Millrace, as ratios in one run.

    bench/scripts/ratios.py PART... [--input FILE] [--python FILE] [--frames N]

workers   an analyser that burns 5 ms of Python a frame: four processes against one (6 cores or more)
opencv    a processor that filters with OpenCV on the CPU, against the same filter in a bare loop
torch     a super-resolution net in torch on the GPU, against the same net in a bare loop on resident data
overhead  scripts that do next to nothing: what a call costs, on the CPU and, beside `torch`, on the GPU

MILLRACE_BIN names the program (default: that of PATH), --python the interpreter that has the package and the libraries.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAM = os.environ.get("MILLRACE_BIN", "millrace")


class Bench:
    """Runs of the program with scripts, in a folder of its own."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options = options
        self.folder = folder

    def clip(self, size: str, seconds: int) -> Path:
        """A film that moves, with a keyframe each second."""
        path = self.folder / f"{size}.mp4"
        pattern = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25:duration={seconds}"]
        codec = ["-c:v", "libx264", "-preset", "veryfast", "-g", "25", "-pix_fmt", "yuv420p"]
        subprocess.run(["ffmpeg", "-v", "error", *pattern, *codec, "-y", str(path)], check=True)
        return path

    def run(self, script: str, source: Path, output: str, *words: str) -> dict:
        """The report of one run."""
        report = self.folder / "report.json"
        command = [PROGRAM, "run", "-i", str(source), "-o", str(self.folder / output), "-y"]
        command += [
            "--script",
            str(HERE / script),
            "--python",
            self.options.python,
            "--report",
            str(report),
            "-v",
            "error",
            *words,
        ]
        subprocess.run(command, check=True)
        return json.loads(report.read_text())

    def digest(self, output: str) -> str:
        return hashlib.sha256((self.folder / output).read_bytes()).hexdigest()[:16]

    def apart(self, code: str) -> dict:
        """What Python code prints as JSON, in a process of its own."""
        done = subprocess.run([self.options.python, "-c", code], check=True, capture_output=True, text=True, cwd=HERE)
        return json.loads(done.stdout.splitlines()[-1])


def bench_workers(bench: Bench) -> dict:
    film = bench.clip("320x180", 120)
    found: dict = {"cores": os.cpu_count()}
    for workers in (1, 4):
        words = ["--script-workers", str(workers), "--segment-length", "2"]
        report = bench.run("burn.py", film, f"{workers}.jsonl", *words)
        found[f"fps, {workers}"] = report["fps"]
    found["ratio"] = found["fps, 4"] / found["fps, 1"]
    found["same output"] = bench.digest("1.jsonl") == bench.digest("4.jsonl")
    return found


OPENCV_ALONE = """
import json, sys, time
sys.argv = ["x"]
import cv2, numpy as np
cv2.setNumThreads(1)
frames = np.random.default_rng(0).random((4, 360, 640, 3), dtype=np.float32)
def batch(): return np.stack([cv2.bilateralFilter(frame, 9, 0.1, 5) for frame in frames])
batch()
begin = time.perf_counter()
for _ in range(40): batch()
print(json.dumps({"fps": 160 / (time.perf_counter() - begin)}))
"""


def bench_opencv(bench: Bench) -> dict:
    film = bench.clip("640x360", 30)
    before = bench.apart(OPENCV_ALONE)["fps"]
    report = bench.run("denoise_opencv.py", film, "opencv.mp4", "-preset", "ultrafast")
    alone = (before + bench.apart(OPENCV_ALONE)["fps"]) / 2
    script = report["script"]
    inside = report["frames"]["processed"] / script["python_seconds"]
    ratio = report["fps"] / alone
    return {"fps": report["fps"], "bare loop": alone, "ratio": ratio, "of its own rate": report["fps"] / inside}


TORCH_ALONE = """
import json, time, torch, sr_net
net = sr_net.make("cuda")
frame = torch.rand(1, 3, {height}, {width}, device="cuda").half()
def loop(rounds):
    torch.cuda.synchronize()
    begin = time.perf_counter()
    for _ in range(rounds): net(frame.contiguous(memory_format=torch.channels_last)).contiguous()
    torch.cuda.synchronize()
    return rounds / (time.perf_counter() - begin)
with torch.inference_mode():
    loop(20)
    found = {{"fps": loop({rounds}), "torch": torch.__version__}}
    from millrace import _engine
    watch = _engine.GpuWatch()
    found["fps, watched"] = loop({rounds})
    gpu = json.loads(watch.stop())["gpus"][0]
    found["kernel-busy"] = gpu["kernel_share"]
print(json.dumps(found))
"""


def bench_torch(bench: Bench) -> dict:
    film = Path(bench.options.input) if bench.options.input else bench.clip("1920x1080", 40)
    words = ["--device", "cuda", "-preset", "ultrafast", "-an", "--frames", str(bench.options.frames)]
    probe = bench.run("sr_torch.py", film, "torch.mp4", *words[:-1], "8")
    width, height = probe["size_in"]
    alone = TORCH_ALONE.format(width=width, height=height, rounds=min(bench.options.frames // 4, 600))
    before = bench.apart(alone)
    report = bench.run("sr_torch.py", film, "torch.mp4", *words)
    after = bench.apart(alone)
    mean = (before["fps"] + after["fps"]) / 2
    gpu = report["gpus"][0]
    return {
        "torch": before["torch"],
        "size": f"{width}x{height}",
        "frames": report["frames"]["processed"],
        "fps": report["fps"],
        "bare loop, before and after": [before["fps"], after["fps"]],
        "bare loop watched by CUPTI, fps and kernel-busy": [after["fps, watched"], after["kernel-busy"]],
        "ratio": report["fps"] / mean,
        "kernel-busy": gpu["kernel_share"],
        "up bytes a frame": gpu["up"]["bytes"] / report["frames"]["processed"],
        "down bytes a frame": gpu["down"]["bytes"] / report["frames"]["processed"],
        "encode ceiling": next(s["ceiling_fps"] for s in report["stages"] if s["name"] == "encode"),
        "verdict": report["verdict"],
    }


def bench_overhead(bench: Bench) -> dict:
    film = bench.clip("640x360", 120)
    found = {}
    for device in ["cpu", *(["cuda"] if "torch" in bench.options.part else [])]:
        words = ["--device", device]
        kinds = {
            "nothing": ("look.py", "look.jsonl", []),
            "a look by torch": ("look_torch.py", "look.jsonl", []),
            "its frames returned": ("same.py", "same.mp4", ["-preset", "ultrafast"]),
        }
        for name, (script, output, more) in kinds.items():
            if "torch" in name and "torch" not in bench.options.part:
                continue
            times = bench.run(script, film, output, *words, *more)["script"]
            found[f"{device}, {name}: us a call"] = 1e6 * times["python_seconds"] / times["calls"]
            found[f"{device}, {name}: us before it for the lock"] = 1e6 * times["gil_wait_seconds"] / times["calls"]
    return found


PARTS = {"workers": bench_workers, "opencv": bench_opencv, "torch": bench_torch, "overhead": bench_overhead}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="+", choices=PARTS)
    parser.add_argument("--input")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--frames", type=int, default=1000)
    options = parser.parse_args()
    found = {"date": time.strftime("%Y-%m-%d"), "cores": os.cpu_count()}
    with tempfile.TemporaryDirectory() as folder:
        for part in options.part:
            found[part] = PARTS[part](Bench(options, Path(folder)))
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
