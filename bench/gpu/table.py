#!/usr/bin/env python3
"""All figures of millrace on a GPU in one table: docs/performance/gpu.md says what each row is.

    bench/gpu/table.py [--only G1,G3] [--folder FOLDER] [...]

Prints a table in Markdown and writes it, with every run's report, to FOLDER/table.json and table.md, again after every
row. A row that fails says so in the table, and the others go on. Needs ffmpeg, numpy and onnx; rows whose program or
folder is not given fail, or go without the figure beside. Rates are of whole runs, as the program's own report has
them: no loading, no joining. Exit code 1 when a row failed or missed its aim.
"""

import argparse
import subprocess
import sys
import time
import traceback
from pathlib import Path

from figures import exact, fused, memory, rates, speed
from figures.harness import ROOT, Bench, FailureError

ROWS = {
    "G0": speed.g0,
    "G1": speed.g1,
    "G2": speed.g2,
    "G3": rates.g3,
    "G4": rates.g4,
    "G5": rates.g5,
    "G6": memory.g6,
    "G7": exact.g7,
    "KILL": exact.kill,
    "TWO": exact.two,
    "X264": speed.x264,
    "F3": fused.f3,
}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--millrace", type=Path, default=ROOT / "build/cuda/bin/millrace")
    add("--infer-bench", type=Path, help="gpu_infer_bench")
    add("--nvdec-bench", type=Path)
    add("--clips-bench", type=Path)
    add("--ort-library", type=Path, help="ONNX Runtime with its CUDA provider")
    add("--folder", type=Path, default=Path("/tmp/millrace-gpu"), help="for clips, models, outputs and the table")
    add("--clip", type=Path, help="30 s of 1080p, H.264 and AAC (default: the sample, scaled and repeated)")
    add("--clips", type=Path, help="200 short clips, of bench/gpu/make_clips.py")
    add("--peers-python", help="Python with torch and onnx")
    add("--peers-libraries", help="LD_LIBRARY_PATH for it (default: those folders of ours that hold libcuda.so.1)")
    add("--pynvvideocodec", type=Path, help="folder with PyNvVideoCodec, where that Python has it not")
    add("--only", help="rows, such as G1,G3: " + " ".join(ROWS))
    add("--device", default="cuda:0", help="cpu makes the rows that need no GPU, to see that they work")
    add("--frames", type=int, help="at most so many frames a run, to see that all works")
    options = parser.parse_args()
    options.only = options.only.upper().split(",") if options.only else list(ROWS)
    unknown = [name for name in options.only if name not in ROWS]
    if unknown:
        parser.error(f"--only: no row {', '.join(unknown)}; there are {', '.join(ROWS)}")
    return options


def measure(bench, name):
    """One row, whatever happens in it."""
    try:
        ROWS[name](bench)
    except FailureError as error:
        bench.table.add(f"{name} failed", "", str(error).strip(), False)
    except (OSError, ValueError, KeyError, IndexError, TypeError, subprocess.SubprocessError) as error:
        bench.table.add(f"{name} failed", "", f"{type(error).__name__}: {error}", False, trace=traceback.format_exc())


def main():
    options = parse()
    options.folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(options)
    for name in options.only:
        print(name, file=sys.stderr, flush=True)
        begin = time.monotonic()
        bench.table.begin(name)
        measure(bench, name)
        bench.clean()
        bench.table.end(time.monotonic() - begin)
        print(f"  {name} took {time.monotonic() - begin:.1f} s", file=sys.stderr, flush=True)
    print(bench.table.markdown())
    sys.exit(1 if bench.table.missed() else 0)


if __name__ == "__main__":
    main()
