#!/usr/bin/env python3
"""Frames per second to an array, in order and by index, of millrace.read and of other readers on the same clip; and how
far each one's colour is from the formula in float64.

    bench/python/read.py [CLIP] [--rounds 3] [--frames N] [--device cuda]

Without CLIP one is made of samples/bbb.mp4: 1080p H.264, 30 s. Readers run in turn, each in a process of its own, and
ratios are of medians of one run. Compared are those that can be imported: PyAV, torchcodec, PyNvVideoCodec (on a GPU).
Two products are told apart: "uint8", 8-bit RGB as those readers give it, and "float", what a model takes: float32 RGB
planes from 0 to 1. millrace gives the second only. By index: 64 frames in no order, the same for all.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BATCH = 16
PICKS = 64


@dataclass
class Job:
    """What one process does."""

    what: str  # "sequence", "by index", "color"
    reader: str
    product: str  # "float", "uint8"
    clip: str
    device: str
    frames: int = 0


def picks(count: int) -> list[int]:
    return random.Random(1).sample(range(count), min(PICKS, count))


class Millrace:
    """float32 planes on `device`."""

    def __init__(self, job: Job) -> None:
        import millrace

        self._clip = millrace.read(job.clip, device=job.device, batch=BATCH)
        self._device = job.device

    def _take(self, thing):  # the array or tensor that a user works with
        if self._device == "cpu":
            return thing.numpy()
        import torch

        return torch.from_dlpack(thing.tensor)

    def sequence(self, most: int) -> int:
        count = 0
        for batch in self._clip:
            self._take(batch)
            count += len(batch)
            if count >= most:
                break
        return count

    def by_index(self, count: int) -> int:
        for number in picks(count):
            self._take(self._clip[number])
        return len(picks(count))

    def picture(self, number: int):
        values = self._take(self._clip[number])
        values = values if self._device == "cpu" else values.cpu().numpy()
        return values.transpose(1, 2, 0).astype("float64") * 255


class Av:
    """PyAV, with its frame threads."""

    def __init__(self, job: Job) -> None:
        import av

        self._file = av.open(job.clip)
        self._video = self._file.streams.video[0]
        self._video.thread_type = "AUTO"
        self._float = job.product == "float"

    def _take(self, frame):
        import numpy as np

        rgb = frame.to_ndarray(format="rgb24")
        if not self._float:
            return rgb
        return np.ascontiguousarray(rgb.transpose(2, 0, 1), dtype=np.float32) / np.float32(255)

    def sequence(self, most: int) -> int:
        count = 0
        for frame in self._file.decode(self._video):
            self._take(frame)
            count += 1
            if count >= most:
                break
        return count

    def _at(self, number: int):
        """By time, at a constant rate: the way of most examples."""
        pts = round(number / self._video.average_rate / self._video.time_base) + (self._video.start_time or 0)
        self._file.seek(pts, stream=self._video)
        for frame in self._file.decode(self._video):
            if frame.pts >= pts:
                return frame
        raise RuntimeError(f"no frame at pts {pts}")

    def by_index(self, count: int) -> int:
        for number in picks(count):
            self._take(self._at(number))
        return len(picks(count))

    def picture(self, number: int):
        return self._at(number).to_ndarray(format="rgb24").astype("float64")


class Torchcodec:
    def __init__(self, job: Job) -> None:
        from torchcodec.decoders import VideoDecoder

        self._decoder = VideoDecoder(job.clip, device=job.device, seek_mode="exact", num_ffmpeg_threads=0)
        self._float = job.product == "float"

    def _take(self, frames):
        return frames.float() / 255 if self._float else frames

    def sequence(self, most: int) -> int:
        most = min(most, len(self._decoder))
        for begin in range(0, most, BATCH):
            self._take(self._decoder.get_frames_in_range(begin, min(begin + BATCH, most)).data)
        return most

    def by_index(self, count: int) -> int:
        for number in picks(count):
            self._take(self._decoder[number])
        return len(picks(count))

    def picture(self, number: int):
        return self._decoder[number].permute(1, 2, 0).cpu().numpy().astype("float64")


class Nvidia:
    def __init__(self, job: Job) -> None:
        import PyNvVideoCodec

        planes = PyNvVideoCodec.OutputColorType.RGBP
        self._decoder = PyNvVideoCodec.SimpleDecoder(
            job.clip, gpu_id=0, use_device_memory=True, output_color_type=planes
        )
        self._float = job.product == "float"

    def _take(self, frame):
        import torch

        rgb = torch.from_dlpack(frame)
        return rgb.float() / 255 if self._float else rgb

    def sequence(self, most: int) -> int:
        most = min(most, len(self._decoder))
        for begin in range(0, most, BATCH):
            for frame in self._decoder.get_batch_frames_by_index(list(range(begin, min(begin + BATCH, most)))):
                self._take(frame)
        return most

    def by_index(self, count: int) -> int:
        for number in picks(count):
            self._take(self._decoder[number])
        return len(picks(count))

    def picture(self, number: int):
        return self._take(self._decoder[number]).permute(1, 2, 0).cpu().numpy().astype("float64")


READERS = {"millrace": Millrace, "av": Av, "torchcodec": Torchcodec, "PyNvVideoCodec": Nvidia}
GPU_ONLY, CPU_ONLY = {"PyNvVideoCodec"}, {"av"}


def exact_rgb(luma, blue, red, weights: tuple[float, float]):
    """The formula in float64 (ITU-T H.273, 8.3; limited range, 4:2:0 with chroma left), 0 to 255, not rounded."""
    import numpy as np

    def doubled(plane, axis: int, cosited: bool):
        size = plane.shape[axis]
        at = np.arange(2 * size) / 2 - (0 if cosited else 0.25)
        low = np.floor(at).astype(int)
        part = np.expand_dims(at - low, 1 - axis)
        first, second = (np.take(plane, np.clip(low + i, 0, size - 1), axis) for i in (0, 1))
        return first * (1 - part) + second * part

    y = (luma.astype("float64") - 16) / 219
    pb, pr = ((doubled(doubled(plane.astype("float64"), 0, False), 1, True) - 128) / 224 for plane in (blue, red))
    kr, kb = weights
    r, b = y + 2 * (1 - kr) * pr, y + 2 * (1 - kb) * pb
    g = (y - kr * r - kb * b) / (1 - kr - kb)
    return np.clip(np.stack([r, g, b], -1) * 255, 0, 255)


def color_error(job: Job) -> dict[str, float]:
    """Of three frames, against ffmpeg's own planes: of numbers from 0 to 255, before what is given is rounded."""
    import numpy as np

    facts = described(job.clip)
    width, height = facts["width"], facts["height"]
    weights = (0.2126, 0.0722) if height >= 720 else (0.299, 0.114)
    reader = READERS[job.reader](job)
    worst, total = 0.0, []
    for number in (0, facts["count"] // 2, facts["count"] - 1):
        words = ["ffmpeg", "-v", "error", "-i", job.clip, "-vf", f"select=eq(n\\,{number})", "-frames:v", "1"]
        words += ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-"]
        data = np.frombuffer(subprocess.run(words, capture_output=True, check=True).stdout, np.uint8)
        luma, rest = data[: width * height].reshape(height, width), data[width * height :]
        blue, red = rest.reshape(2, height // 2, width // 2)
        off = np.abs(np.clip(reader.picture(number), 0, 255) - exact_rgb(luma, blue, red, weights))
        worst = max(worst, float(off.max()))
        total.append(float(off.mean()))
    return {"worst": worst, "mean": statistics.mean(total)}


def described(clip: str) -> dict[str, int]:
    words = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-count_packets", "-of", "json"]
    words += ["-show_entries", "stream=width,height,nb_read_packets", clip]
    stream = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)["streams"][0]
    return {"width": stream["width"], "height": stream["height"], "count": int(stream["nb_read_packets"])}


def measure(job: Job) -> dict[str, float]:
    """In a process of its own: opening is part of it, importing is not."""
    if job.what == "color":
        return color_error(job)
    importlib.import_module("numpy")
    importlib.import_module(job.reader)
    start = time.perf_counter()
    reader = READERS[job.reader](job)
    count = reader.sequence(job.frames) if job.what == "sequence" else reader.by_index(job.frames)
    if job.device != "cpu":
        import torch

        torch.cuda.synchronize()
    return {"fps": count / (time.perf_counter() - start)}


def one(job: Job) -> dict[str, float]:
    """Not a number where the reader cannot do the job."""
    command = [sys.executable, __file__, "--job", json.dumps(asdict(job))]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit {done.returncode}"
        print(f"{job.what:9} {job.reader:15} {job.product:6} not measured: {reason}", file=sys.stderr)
        return {"fps": math.nan, "mean": math.nan, "worst": math.nan}
    return json.loads(done.stdout)


def made_clip() -> str:
    path = Path(tempfile.gettempdir()) / "millrace_read_1080p.mp4"
    if not path.exists():
        words = ["ffmpeg", "-v", "error", "-stream_loop", "5", "-i", ROOT / "samples/bbb.mp4", "-an", "-vf"]
        words += ["scale=1920:1080:flags=bicubic", "-c:v", "libx264", "-preset", "medium", "-crf", "20", path]
        subprocess.run(list(map(str, words)), check=True)
    return str(path)


def readers(device: str) -> list[str]:
    def fits(name: str) -> bool:
        if name in (GPU_ONLY if device == "cpu" else CPU_ONLY):
            return False
        return importlib.util.find_spec(name) is not None

    return [name for name in READERS if fits(name)]


def compare(clip: str, device: str, rounds: int, frames: int) -> dict:
    there = readers(device)
    kinds = [(what, name, product) for what in ("sequence", "by index") for name in there
             for product in (("float",) if name == "millrace" else ("float", "uint8"))]  # fmt: skip
    rates: dict[tuple[str, str, str], list[float]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for what, name, product in kinds:
            rates[what, name, product].append(one(Job(what, name, product, clip, device, frames))["fps"])
    rows = []
    for (what, name, product), found in rates.items():
        own = statistics.median(rates[what, "millrace", "float"])
        fps = statistics.median(found)
        rows.append({"what": what, "reader": name, "product": product, "fps": fps, "millrace over it": own / fps})
    colors = {name: one(Job("color", name, "uint8", clip, device)) for name in there}
    return {"clip": clip, "device": device, "load": os.getloadavg()[0], "rows": rows, "color": colors}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", nargs="?")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=0, help="of the sequence; default: all")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        print(json.dumps(measure(Job(**json.loads(options.job)))))
        return
    clip = options.clip or made_clip()
    found = compare(clip, options.device, options.rounds, options.frames or described(clip)["count"])
    print(f"{clip} on {options.device}, load {found['load']:.1f}")
    for row in found["rows"]:
        print("{what:9} {reader:15} {product:6} {fps:8.1f} fps, millrace is {millrace over it:.2f} of it".format(**row))
    for name, error in found["color"].items():
        print(f"colour    {name:15} off by {error['mean']:.6f} on average, {error['worst']:.5f} at most, of 255")


if __name__ == "__main__":
    main()
