"""F3: a whole run on fused layers, beside its net and its encoders alone, beside other ways."""

import os
import subprocess
import time

from figures.harness import FailureError, attempt, execute
from figures.speed import peer

PRESETS = ("superfast", "veryfast", "ultrafast")
TIMES = 8  # the clip in a row: what starting and ending cost is a fixed time
# One of a net that is slower than the encoders: what the GPU does not do then is the pipeline's.
DEEP = "sr_deep.onnx"
PICTURES = 120


def pictures(bench):
    """The first pictures of the net, as a raw file: what the encoders get."""
    packed = bench.out / "pictures.mkv"
    words = ("-i", bench.clip(), "-m", bench.model("sr.onnx"), "--runtime", "fused", "-an", "--frames", PICTURES)
    execute(*bench.command(*words, "-preset", "ultrafast", "-e", "qp=0", "-o", packed))
    return bench.make("pictures.yuv", "-i", packed, "-pix_fmt", "yuv420p", "-f", "rawvideo")


def encoders(raw, preset):
    """Frames a second of one ffmpeg a core, all at once: what this machine encodes when it does nothing else. `raw`: of
    pictures()."""
    cores = len(os.sched_getaffinity(0))
    read = ("-f", "rawvideo", "-pix_fmt", "yuv420p", "-video_size", "3840x2160", "-framerate", "24")
    words = ("ffmpeg", "-v", "error", *read, "-i", str(raw))
    words += ("-c:v", "libx264", "-preset", preset, "-threads", "8", "-f", "null", "-")
    begin = time.perf_counter()
    started = [subprocess.Popen(words, stdin=subprocess.DEVNULL) for _ in range(cores)]
    codes = [process.wait() for process in started]
    if any(codes):
        raise FailureError(f"ffmpeg does not encode with {preset}")
    return cores * PICTURES / (time.perf_counter() - begin)


def row(bench, raw, preset, net, model):
    """One run with its share of what its net or its encoders do by themselves; its frames a second.

    `model`: what the net does alone. The encoders are timed before and after the run: what cores do changes in minutes.
    """
    words = ("-i", bench.joined(TIMES), "-m", bench.model(net), "--runtime", "fused", "-an", "-preset", preset)
    name = f"{net.split('.')[0]}-{preset}"
    first = encoders(raw, preset)
    report = bench.run(f"F3-{name}", *words, "-o", bench.out / f"{name}.mp4", *bench.limit(), timeout=400)
    last = encoders(raw, preset)
    alone = {"the net": model["fps"], "its encoders": (first + last) / 2}
    fps = report["fps"]
    limit = min(alone, key=alone.get)
    sizes = "{}x{} to {}x{}".format(*report["size_in"], *report["size_out"])
    work = f"{net} as fused layers, {sizes}, x264 {preset}, {report['frames']['muxed']} frames"
    each = f"the net {model['fps']:.1f}, its encoders {first:.1f} before and {last:.1f} after"
    cores = report["cores_at_work"]
    found = f"{fps:.1f} fps, {fps / alone[limit]:.3f} of {limit}; {cores:.1f} cores at work; alone: {each}"
    bench.table.add(work, ">= 0.97 of the slower", found, fps >= 0.97 * alone[limit])
    busy = report["gpus"][0]["kernel_share"] if report["gpus"] else 0.0
    judged = limit == "the net"
    aim = ">= 99 %" if judged else ">= 99 % where the net is slower"
    beside = "" if model["kernel_share"] is None else f"; of the net alone {100 * model['kernel_share']:.1f} %"
    bench.table.add("  time in kernels", aim, f"{100 * busy:.1f} %{beside}", busy >= 0.99 if judged else None)
    return fps


def f3(bench):
    size = (1920, 1080)
    nets = {net: bench.infer(net, size, 1, choice="fused")[0] for net in ("sr.onnx", DEEP)}
    raw = pictures(bench)
    runs = [(preset, "sr.onnx") for preset in PRESETS] + [(PRESETS[-1], DEEP)]
    rates = [row(bench, raw, preset, net, nets[net]) for preset, net in runs]
    for name, frames, aim in (("split_way", 240, 10.0), ("good_script", 900, 1.8)):
        smoke = ("--warm-up", 2) if bench.options.frames else ()
        found, why = attempt(peer, bench, name, "--frames", min(frames, bench.options.frames or frames), *smoke)
        work = f"{PRESETS[1]}: times bench/gpu/peers/{name}.py, which encodes so"
        if not found:
            raise FailureError(f"{name}: {why}")
        times = rates[1] / found["fps"]
        said = f"{times:.2f} ({rates[1]:.1f} and {found['fps']:.1f} fps); {PRESETS[0]} {rates[0] / found['fps']:.2f}"
        bench.table.add(work, f">= {aim}", said, times >= aim, peer=found)
