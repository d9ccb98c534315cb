#!/usr/bin/env python3
"""The engine on a GPU beside the engine on the CPU: the same frames, and how fast.

    bench/gpu/engine.py [--millrace PROGRAM] [--ort-library FILE] [--folder FOLDER] [--clip FILE] [--seconds N]

Writes FOLDER/engine.json and prints a table. Needs ffmpeg, numpy and onnx. Without --clip, the sample is scaled to
1080p and repeated. Equal: model, frames and times of a run on the CPU, PSNR against it. Rates are of whole runs, as
the program's own report has them: no loading, no joining.
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "samples/bbb.mp4"
LOWEST_PSNR = 50.0  # dB against the CPU's result: both compute in float32, in another order


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return done


def make_clip(path, seconds):
    if not path.exists():
        run(
            *("ffmpeg", "-v", "error", "-stream_loop", "-1", "-i", SAMPLE, "-t", seconds, "-vf", "scale=1920:1080"),
            *("-c:v", "libx264", "-preset", "veryfast", "-g", "60", "-c:a", "copy", "-y", path),
        )
    return path


class Engine:
    def __init__(self, program, library, folder):
        self.command = [program, "run", "-y", "--restart"] + (["--ort-library", library] if library else [])
        self.folder = folder

    def run(self, name, device, *options):
        report = self.folder / f"{name}.json"
        run(*self.command, "--device", device, "--report", report, *options)
        return json.loads(report.read_text())


def psnr(a, b):
    said = run("ffmpeg", "-hide_banner", "-i", a, "-i", b, "-lavfi", "psnr", "-f", "null", "-").stderr
    worst = re.search(r"PSNR.*min:(\S+)", said)[1]
    return float("inf") if worst == "inf" else float(worst)


def compare(engine, folder):
    """One model on both devices, losslessly encoded: the worst frame."""
    paths = {}
    for device in ("cpu", "cuda:0"):
        paths[device] = folder / f"equal-{device[:3]}.mkv"
        model = ROOT / "models/upscale2x.onnx"
        options = ("-i", SAMPLE, "-o", paths[device], "-m", model, "-c:v", "ffv1", "--frames", "60")
        report = engine.run(f"equal-{device[:3]}", device, *options)
        if report["frames"]["muxed"] != 60:
            sys.exit(f"{device}: {report['frames']['muxed']} of 60 frames")
        if report["fallbacks"]:
            print(f"{device}: fallbacks {report['fallbacks']}")
    return psnr(paths["cpu"], paths["cuda:0"])


def describe(name, report):
    stages = {stage["name"]: stage for stage in report["stages"]}
    gpu = report["gpus"][0] if report["gpus"] else {}
    limiting = stages.get(report["limiting_stage"], {})
    return {
        "work": name,
        "frames": report["frames"]["muxed"],
        "fps": report["fps"],
        "limits": report["limiting_stage"],
        "ceiling": limiting.get("ceiling_fps", 0),
        "kernel share": gpu.get("kernel_share", 0),
        "lanes": stages["decode"]["workers"],
        "runs as": report["model_runs_as"],
        "fallbacks": report["fallbacks"],
        "notes": report["notes"],
        "verdict": report["verdict"],
        "load_seconds": report["load_seconds"],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--millrace", default=ROOT / "build/cuda/bin/millrace")
    parser.add_argument("--ort-library", help="ONNX Runtime with its CUDA provider")
    parser.add_argument("--folder", type=Path, default=Path("/tmp/millrace-gpu"))
    parser.add_argument("--clip", type=Path)
    parser.add_argument("--seconds", type=float, default=12)
    options = parser.parse_args()
    folder = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "resnet50.onnx").exists():
        run(sys.executable, ROOT / "bench/gpu/make_models.py", folder)
    clip = options.clip or make_clip(folder / "1080p.mp4", options.seconds)
    engine = Engine(options.millrace, options.ort_library, folder)

    result = {"worst_psnr": compare(engine, folder), "runs": []}
    print(f"the sample through upscale2x, CUDA beside CPU: worst frame {result['worst_psnr']:.1f} dB")
    works = {
        "SR net, 1080p to 4K veryfast": ("-m", folder / "sr.onnx", "-o", folder / "sr.mp4", "-preset", "veryfast"),
        "ResNet-50, batch 64, lines": ("-m", folder / "resnet50.onnx", "--batch", "64", "-o", folder / "r.jsonl"),
    }
    for name, words in works.items():
        report = engine.run(name.split(",")[0].replace(" ", "-").lower(), "cuda:0", "-i", clip, *words)
        result["runs"].append(describe(name, report))
        print(json.dumps(result["runs"][-1]))
    (folder / "engine.json").write_text(json.dumps(result, indent=2))
    if result["worst_psnr"] < LOWEST_PSNR:
        sys.exit(f"the GPU's pictures differ: {result['worst_psnr']:.1f} dB, expected at least {LOWEST_PSNR}")


if __name__ == "__main__":
    main()
