"""Millrace beside what people use today, on this machine, as ratios within one run.

    ratios.py [--program build/release/bin/millrace] [--rounds 3]

Every pair is run in turn (A B A B ...) and the median of the ratios is printed, so that a machine that is noisy or
changes its speed is the same for both. Prints a table in Markdown; exit code 1 when a row misses its aim.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

ROOT = pathlib.Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "samples" / "bbb.mp4"
MODEL = ROOT / "models" / "upscale2x.onnx"
MIB = 1 << 20
LOOPS = 3
FRAMES = 120 * LOOPS


@dataclasses.dataclass
class Row:
    work: str
    aim: str
    found: str
    reached: bool


@dataclasses.dataclass
class Outcome:
    seconds: float
    peak_bytes: int
    report: dict


class Bench:
    def __init__(self, program: pathlib.Path, rounds: int, folder: pathlib.Path) -> None:
        self.program, self.rounds, self.folder = program, rounds, folder
        self.rows: list[Row] = []

    def execute(self, command: list[str], report: pathlib.Path | None = None) -> Outcome:
        """Runs a command whole; peak memory is the kernel's account of that one process."""
        begin = time.time()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        output = process.stdout.read() if process.stdout else b""
        errors = process.stderr.read() if process.stderr else b""
        _, status, usage = wait4(process)
        if status != 0:
            sys.exit(f"{' '.join(command)}\nexit {status}\n{errors.decode()}")
        seconds = time.time() - begin
        body = json.loads(report.read_text()) if report else {"stdout": output.decode()}
        body["spawned"] = begin
        return Outcome(seconds, usage.ru_maxrss * 1024, body)

    def millrace(self, source: pathlib.Path, *options: str) -> Outcome:
        report = self.folder / "report.json"
        command = [self.program, "run", "-i", source, "-o", self.folder / "ours.mp4", "-y", "--report", report]
        return self.execute([*map(str, command), "-v", "error", *options], report)

    def ffmpeg(self, source: pathlib.Path, *options: str) -> Outcome:
        return self.execute(["ffmpeg", "-y", "-v", "error", "-i", str(source), *options])

    def ratio(self, ours: Callable[[], float], theirs: Callable[[], float]) -> float:
        return statistics.median(ours() / theirs() for _ in range(self.rounds))

    def add(self, work: str, aim: str, found: str, reached: bool) -> None:
        self.rows.append(Row(work, aim, found, reached))
        print(f"  {work}: {found}", file=sys.stderr)

    def clips(self) -> None:
        self.small = self.folder / "small.mp4"
        self.large = self.folder / "large.mp4"
        loop = ["ffmpeg", "-y", "-v", "error", "-stream_loop", str(LOOPS - 1), "-i", str(SAMPLE)]
        subprocess.run([*loop, "-c", "copy", str(self.small)], check=True)
        scale = ["-vf", "scale=1920:1080", "-c:v", "libx264", "-preset", "veryfast", "-g", "48", "-c:a", "copy"]
        subprocess.run([*loop, *scale, str(self.large)], check=True)

    def recode(self) -> None:
        out = str(self.folder / "theirs.mp4")
        settings = ["-c:v", "libx264", "-preset", "medium", "-crf", "23"]
        ratio = self.ratio(
            lambda: self.millrace(self.large, "-preset", "medium", "-crf", "23").seconds,
            lambda: self.ffmpeg(self.large, *settings, "-c:a", "copy", out).seconds,
        )
        self.add("H.264 to H.264, 1080p, time over ffmpeg's", "<= 1.05", f"{ratio:.3f}", ratio <= 1.05)

    def decode(self) -> None:
        # Memory for a lane on each of two cores: with less, `bench` measures the one lane that a run would have.
        def ours() -> float:
            command = [str(self.program), "bench", "-i", str(self.large), "--memory", "2G", "--json"]
            return json.loads(self.execute(command).report["stdout"])["ceilings"]["decode"]

        ratio = self.ratio(ours, lambda: FRAMES / self.ffmpeg(self.large, "-an", "-f", "null", "-").seconds)
        self.add("decode alone, 1080p, fps over ffmpeg -f null", ">= 0.95", f"{ratio:.3f}", ratio >= 0.95)

    def encode(self) -> None:
        # 45 s in segments of 12 s, which is about what a longer file is cut into.
        source = self.folder / "minute.mp4"
        loop = ["ffmpeg", "-y", "-v", "error", "-stream_loop", "2", "-i", str(self.large), "-c", "copy", str(source)]
        subprocess.run(loop, check=True)
        whole = ["-preset", "medium", "--segment-length", "1000", "--lanes", "1"]
        parts = ["-preset", "medium", "--segment-length", "12", "--lanes", "4", "--memory", "8G"]

        def in_parts() -> float:
            report = self.millrace(source, *parts).report
            assert report["segments"]["total"] == 4
            return report["fps"]

        ratio = self.ratio(in_parts, lambda: self.millrace(source, *whole).report["fps"])
        self.add("encode in 4 segments at once, fps over one instance", ">= 1", f"{ratio:.3f}", ratio >= 1)

    def model(self, threads: str = "2") -> None:
        loop = [sys.executable, str(ROOT / "bench" / "engine" / "careful_loop.py"), str(SAMPLE), str(MODEL)]
        theirs = [*loop, str(self.folder / "loop.mp4"), "medium", threads]
        shares: list[float] = []

        def ours() -> float:
            report = self.millrace(SAMPLE, "-m", str(MODEL)).report
            stage = next(s for s in report["stages"] if s["name"] == "model")
            shares.append(report["fps"] / stage["ceiling_fps"])
            return report["fps"]

        ratio = self.ratio(ours, lambda: float(self.execute(theirs).report["stdout"]))
        self.add("demo model, fps over a careful Python loop", ">= 1.15", f"{ratio:.3f}", ratio >= 1.15)
        share = statistics.median(shares)
        self.add("demo model, fps over the model stage's own", ">= 0.95", f"{share:.3f}", share >= 0.95)
        # The model alone has all cores; in the whole, the encoder has its share of them.
        for preset in ("medium", "ultrafast"):
            alone = [str(self.program), "bench", "-i", str(SAMPLE), "-m", str(MODEL), "-preset", preset, "--json"]
            whole = json.loads(self.execute(alone).report["stdout"])["whole_to_slowest"]
            self.add(f"demo model, x264 {preset}, whole over model alone", ">= 0.95", f"{whole:.3f}", whole >= 0.95)

    def first_frame(self) -> None:
        times = []
        for _ in range(5 * self.rounds):
            report = self.millrace(SAMPLE, "-m", str(MODEL), "--frames", "2").report
            times.append(report["started"] + report["first_frame_seconds"] - report["spawned"])
        found = statistics.median(times) * 1000
        self.add("first frame at the model, after process start", "<= 150 ms", f"{found:.0f} ms", found <= 150)

    def memory(self) -> None:
        plain = self.millrace(self.large).peak_bytes
        self.add("memory, 1080p to 1080p", "< 1024 MiB", f"{plain // MIB} MiB", plain < 1024 * MIB)
        upscaled = self.millrace(SAMPLE, "-m", str(MODEL)).peak_bytes
        again = self.ffmpeg(SAMPLE, "-vf", "scale=iw*2:ih*2", "-c:v", "libx264", str(self.folder / "t.mp4")).peak_bytes
        over = (upscaled - again) // MIB
        self.add("memory, x2, above ffmpeg's same encode", "<= 500 MiB", f"{over} MiB", over <= 500)
        tenfold = self.folder / "long.mp4"
        loop = ["ffmpeg", "-y", "-v", "error", "-stream_loop", "9", "-i", str(self.small), "-c", "copy", str(tenfold)]
        subprocess.run(loop, check=True)
        # On one lane: a short run may be over before it has as many lanes as a long one.
        settings = ["-preset", "ultrafast", "--lanes", "1"]
        short = self.millrace(self.small, *settings).peak_bytes
        ratio = self.millrace(tenfold, *settings).peak_bytes / short
        self.add("memory of a ten times longer file, ratio", "<= 1.1", f"{ratio:.2f}", ratio <= 1.1)

    def table(self) -> str:
        lines = ["| work | aim | found | |", "| --- | --- | --- | --- |"]
        for row in self.rows:
            lines.append(f"| {row.work} | {row.aim} | {row.found} | {'reached' if row.reached else 'missed'} |")
        return "\n".join(lines)


def wait4(process: subprocess.Popen) -> tuple[int, int, resource.struct_rusage]:
    pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return pid, process.returncode, usage


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build" / "release" / "bin" / "millrace")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", help="recode, decode, encode, model, first_frame or memory")
    arguments = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-ratios-"))
    try:
        bench = Bench(arguments.program, arguments.rounds, folder)
        bench.clips()
        for step in ("recode", "decode", "encode", "model", "first_frame", "memory"):
            if arguments.only in (None, step):
                getattr(bench, step)()
        print(bench.table())
    finally:
        shutil.rmtree(folder)
    sys.exit(0 if all(row.reached for row in bench.rows) else 1)


if __name__ == "__main__":
    main()
