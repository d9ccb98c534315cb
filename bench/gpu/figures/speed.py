"""G0 to G2 and X264: video to video, beside the stages alone, beside other ways, beside one encoder."""

import json
import os
import re
import shutil
from pathlib import Path

from figures.harness import ROOT, SAMPLE, FailureError, attempt, execute, slowest, stages_of

PEERS = ROOT / "bench/gpu/peers"


def worst_psnr(a, b):
    said = execute("ffmpeg", "-hide_banner", "-i", a, "-i", b, "-lavfi", "psnr", "-f", "null", "-").stderr
    found = re.search(r"PSNR.*min:(\S+)", said)
    if not found:
        raise FailureError(f"ffmpeg says no PSNR of {a} and {b}")
    return float(found[1])


def g0(bench):
    """The sample through upscale2x, losslessly encoded: every frame beside the CPU's."""
    paths = {}
    for name, device in (("cpu", "cpu"), ("gpu", bench.device)):
        paths[name] = bench.out / f"equal-{name}.mkv"
        model = ("-m", ROOT / "models/upscale2x.onnx", "--precision", "fp32")  # as the CPU computes
        words = ("-i", SAMPLE, "-o", paths[name], *model, "-c:v", "ffv1")
        report = bench.run(f"G0-{name}", *words, *bench.limit(60), device=device)
    psnr = worst_psnr(paths["cpu"], paths["gpu"])
    work = f"upscale2x, {report['frames']['muxed']} frames of the sample, {bench.device} beside the CPU: worst PSNR"
    bench.table.add(work, ">= 50 dB", f"{psnr:.1f} dB", psnr >= 50)


def sr_words(bench, path, out):
    return ("-i", path, "-m", bench.model("sr.onnx"), "--runtime=cuda", "-o", out, "-preset", "veryfast")


def sr_run(bench):
    """G1's run, made once for all rows that want it."""
    if "sr" not in bench.reports:
        path, out = bench.joined(4), bench.out / "sr.mp4"
        report = bench.run("sr", *sr_words(bench, path, out), *bench.limit(), timeout=400)
        equal = bench.packets(out, "0:a") == bench.packets(path, "0:a") if not bench.limit() else None
        bench.reports["sr"] = (report, equal)
    return bench.reports["sr"]


def sr_alone(bench, report):
    """Frames a second of the network by itself, at the run's size; (None, why) where that is not measured."""
    rows, why = attempt(bench.infer, "sr.onnx", report["size_in"], 1)
    return (rows[0]["fps"], rows[0]["choice"]) if rows else (None, why)


def g1(bench):
    report, audio_equal = sr_run(bench)
    name, ceiling = slowest(report)
    fps, share = report["fps"], report["fps"] / ceiling
    sizes = "{}x{} to {}x{}".format(*report["size_in"], *report["size_out"])
    work = f"SR net, {sizes}, x264 veryfast, {report['frames']['muxed']} frames: of the slowest stage's ceiling"
    alone, how = sr_alone(bench, report)
    beside = f"; the net alone {alone:.1f} fps" if alone else ""
    found = f"{fps:.1f} fps, {share:.3f} of {ceiling:.1f} ({name}){beside}"
    bench.table.add(work, ">= 0.97", found, share >= 0.97, net_alone=alone, net_alone_as=how)

    gpu = report["gpus"][0] if report["gpus"] else {}
    if gpu:
        busy, judged = gpu["kernel_share"], name == "model"
        aim = ">= 99 %" if judged else ">= 99 % where the model is slowest"
        bench.table.add("  time in kernels", aim, f"{100 * busy:.1f} %", busy >= 0.99 if judged else None)
    encode = stages_of(report)["encode"]
    waited = encode["wait_input_seconds"] / max(encode["workers"] * report["run_seconds"], 1e-9)
    found = f"{encode['wait_input_seconds']:.2f} s of {encode['workers']} encoders, {100 * waited:.1f} % of their time"
    bench.table.add("  encoders wait for pictures", "-", found)
    if audio_equal is not None:
        bench.table.add("  audio packets are the input's", "equal", "equal" if audio_equal else "differ", audio_equal)


def peer(bench, name, *words):
    """One of bench/gpu/peers: what its line of JSON says. Its libraries are not ours: torch brings its own."""
    python = bench.options.peers_python
    if not python:
        raise FailureError("--peers-python was not given")
    ours = os.environ.get("LD_LIBRARY_PATH", "")
    theirs = bench.options.peers_libraries
    if theirs is None:
        theirs = ":".join(part for part in ours.split(":") if part and (Path(part) / "libcuda.so.1").exists())
    codec = bench.options.pynvvideocodec
    paths = [str(codec)] if codec else []
    paths += [os.environ["PYTHONPATH"]] if "PYTHONPATH" in os.environ else []
    env = {**os.environ, "LD_LIBRARY_PATH": theirs, "PYTHONPATH": ":".join(paths)}
    tools = ("--ffmpeg", shutil.which("ffmpeg"), "--ffmpeg-libraries", ours)
    device = "cpu" if bench.device == "cpu" else "cuda"
    command = (python, PEERS / f"{name}.py", bench.joined(4), bench.model("sr.onnx"), "--device", device, *tools)
    said = execute(*command, "--output", bench.out / f"{name}.mp4", *words, timeout=240, env=env)
    lines = [line for line in said.stdout.splitlines() if line.startswith("{")]
    if not lines:
        raise FailureError(f"{name}.py printed no JSON: {said.stdout[-300:]}")
    return json.loads(lines[-1])


def g2(bench):
    report, _ = sr_run(bench)
    fps = report["fps"]
    smoke = ("--warm-up", 2) if bench.options.frames else ()
    frames = {"split_way": 240, "good_script": 900}
    frames = {name: min(count, bench.options.frames or count) for name, count in frames.items()}

    split, why = attempt(peer, bench, "split_way", "--frames", frames["split_way"], *smoke)
    work = "SR net: times the split way (ffmpeg, PyTorch float32, ffmpeg, frame by frame)"
    if split:
        times = fps / split["fps"]
        found = f"{times:.2f} ({fps:.1f} and {split['fps']:.1f} fps)"
        bench.table.add(work, ">= 4.5", found, times >= 4.5, peer=split)
    else:
        bench.table.add(work, ">= 4.5", f"failed: {why}", False)

    script, why = attempt(peer, bench, "good_script", "--frames", frames["good_script"], *smoke)
    work = "SR net: times a good script (PyNvVideoCodec, compiled float16, x264 over a pipe)"
    if not script:
        bench.table.add(work, "-", f"failed: {why}", False)
        return
    bench.table.add(work, "-", f"{fps / script['fps']:.2f} ({fps:.1f} and {script['fps']:.1f} fps)", peer=script)
    theirs = script["fps"] / script["net_fps"]
    alone, how = sr_alone(bench, report)
    said = f"{theirs:.3f} of {script['net_fps']:.1f} fps"
    if not alone:
        bench.table.add("  share of its own net's rate", "> the script's", f"script {said}; ours: {how}", False)
        return
    ours = fps / alone
    found = f"{ours:.3f} of {alone:.1f} fps; the script {said}"
    bench.table.add("  share of its own net's rate", "> the script's", found, ours > theirs)


def x264(bench):
    """A model that costs nothing: eight encoders side by side beside one, and beside ffmpeg's own use of x264."""
    path, found = bench.joined(2), {}
    for lanes in (8, 1):
        model = ("-m", bench.model("nearest.onnx"), "--runtime=cuda")
        words = ("-i", path, *model, "-o", bench.out / f"lanes-{lanes}.mp4")
        more = ("-preset", "veryfast", "--lanes", lanes, *bench.limit())
        found[lanes] = bench.run(f"X264-{lanes}", *words, *more)
    many, one = found[8], found[1]
    times = many["fps"] / one["fps"]
    encoders = stages_of(many)["encode"]["workers"]
    sizes = "{}x{} to {}x{}".format(*many["size_in"], *many["size_out"])
    work = f"nearest x2, {sizes}, x264 veryfast, {many['frames']['muxed']} frames: 8 lanes over 1"
    said = f"{times:.2f} ({many['fps']:.1f} fps, {encoders} encoders; {one['fps']:.1f}); slowest: {slowest(many)[0]}"
    bench.table.add(work, ">= 1.8", said, times >= 1.8)
    count = bench.limit(240)[1]
    width, height = many["size_out"]
    scale = ("-vf", f"scale={width}:{height}:flags=neighbor", "-frames:v", count)
    words = ("-i", path, "-an", *scale, "-c:v", "libx264", "-preset", "veryfast", "-f", "null", "-benchmark", "-")
    said = execute("ffmpeg", "-hide_banner", "-nostdin", *words).stderr
    took = re.search(r"rtime=([\d.]+)s", said)
    if took:
        fps = count / max(float(took[1]), 1e-3)
        work = f"  ffmpeg's own scaling and one x264 with all its threads, {count} frames"
        bench.table.add(work, "-", f"{fps:.1f} fps, start and end included")
