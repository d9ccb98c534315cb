#!/usr/bin/env python3
"""Writes 200 short clips for clips_bench: 8 sizes, 3 codecs, 2 to 5 s each, every second one with sound; under 20 MB.

    bench/gpu/make_clips.py FOLDER [--count 200]

Cut out of samples/bbb.mp4 by the ffmpeg program with libx264, libx265 (both in MP4) and libvpx-vp9 (in WebM). Lengths
and places are seeded: the same ffmpeg writes the same clips. Without libvpx-vp9 its clips are left out, which is said.
"""

import argparse
import pathlib
import random
import subprocess
import sys

SAMPLE = pathlib.Path(__file__).resolve().parents[2] / "samples" / "bbb.mp4"
SAMPLE_SECONDS = 5.0
SIZES = [(256, 144), (320, 180), (426, 240), (480, 270), (640, 360), (854, 480), (1280, 720), (1920, 1080)]
CODECS = {
    "libx264": ("mp4", ["-preset", "veryfast", "-crf", "31"], ["-c:a", "aac", "-b:a", "32k"]),
    "libx265": (
        "mp4",
        ["-preset", "ultrafast", "-crf", "33", "-x265-params", "log-level=error", "-tag:v", "hvc1"],
        ["-c:a", "aac", "-b:a", "32k"],
    ),
    "libvpx-vp9": (
        "webm",
        ["-deadline", "realtime", "-cpu-used", "8", "-row-mt", "1", "-crf", "46", "-b:v", "0"],
        ["-c:a", "libopus", "-b:a", "32k"],
    ),
}
MOST_BYTES = 20_000_000


def encoders() -> str:
    return subprocess.run(["ffmpeg", "-hide_banner", "-encoders"], check=True, capture_output=True, text=True).stdout


def write(folder: pathlib.Path, number: int, codec: str, shape: random.Random) -> None:
    width, height = SIZES[number // len(CODECS) % len(SIZES)]
    seconds = shape.uniform(2, SAMPLE_SECONDS)
    begin = shape.uniform(0, SAMPLE_SECONDS - seconds)
    container, video, audio = CODECS[codec]
    path = folder / f"{number:03d}_{codec.removeprefix('lib')}_{width}x{height}.{container}"
    command = ["ffmpeg", "-v", "error", "-y", "-ss", f"{begin:.3f}", "-t", f"{seconds:.3f}", "-i", str(SAMPLE)]
    command += ["-vf", f"scale={width}:{height}", "-pix_fmt", "yuv420p", "-g", "48", "-c:v", codec, *video]
    command += audio if number % 2 == 0 else ["-an"]
    subprocess.run([*command, str(path)], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=200)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    known = encoders()
    left_out = [codec for codec in CODECS if codec not in known]
    shape = random.Random(1)
    for number in range(options.count):
        codec = list(CODECS)[number % len(CODECS)]
        clip = random.Random(shape.random())
        if codec not in left_out:
            write(options.folder, number, codec, clip)
    files = list(options.folder.iterdir())
    size = sum(file.stat().st_size for file in files)
    print(f"{len(files)} clips, {size / 1e6:.1f} MB in {options.folder}")
    if left_out:
        print(f"left out, as this ffmpeg has no {', '.join(left_out)}")
    if size > MOST_BYTES:
        sys.exit(f"more than {MOST_BYTES / 1e6:.0f} MB: clips this large are not what is to be measured")


if __name__ == "__main__":
    main()
