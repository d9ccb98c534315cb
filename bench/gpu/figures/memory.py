"""G6: how much of the GPU's memory a run takes, sampled from outside, beside its budget."""

import subprocess
import threading
import time

from figures.harness import ROOT, SAMPLE, FailureError
from figures.speed import sr_words

INTERVAL = 200  # ms
OFTEN = 10  # times longer
SMALL_BUDGETS = ("256M", "512M", "1G")


class MemoryWatch:
    """nvidia-smi's memory.used of one GPU while a `with` block lasts, in MiB above what it was before."""

    def __init__(self, device):
        self.index = device.partition(":")[2].split(",")[0] or "0"
        self.samples = []

    def _read(self):
        for line in self.process.stdout:
            if line.strip().isdigit():
                self.samples.append(int(line))

    def _settled(self):
        """The last two of three samples or more are equal: earlier processes have given back theirs."""
        return len(self.samples) >= 3 and self.samples[-1] == self.samples[-2]

    def __enter__(self):
        words = ["nvidia-smi", "-i", self.index, "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
        try:
            self.process = subprocess.Popen([*words, "-lms", str(INTERVAL)], stdout=subprocess.PIPE, text=True)
        except OSError as error:
            raise FailureError(f"nvidia-smi: {error.strerror}") from error
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        end = time.monotonic() + 5
        while not self._settled() and time.monotonic() < end:
            time.sleep(INTERVAL / 1000)
        if not self.samples:
            self.__exit__()
            raise FailureError("nvidia-smi says nothing of memory.used")
        self.before = self.samples[-1]
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.thread.join()
        self.process.stdout.close()

    @property
    def peak(self):
        return max(self.samples) - self.before


def watched(bench, name, *words):
    """MiB at most, frames."""
    with MemoryWatch(bench.device) as watch:
        report = bench.run(name, *words)
    return watch.peak, report["frames"]["muxed"]


def libraries(bench):
    """A run of almost nothing with the smallest budget it accepts: context, cuDNN, code, and at most that budget."""
    model = ("-m", ROOT / "models/upscale2x.onnx", "--runtime=cuda")
    words = ("-i", SAMPLE, *model, "-o", bench.out / "small.mp4", *bench.limit(48))
    for budget in SMALL_BUDGETS:
        try:
            return watched(bench, f"G6-{budget}", *words, "--gpu-memory", budget)[0], budget
        except FailureError as error:
            refused = error
    raise refused


def compare(bench, work, gigabytes, overhead, runs):
    """runs: words for the short file and for one ten times as long."""
    peaks = []
    for name, words in runs.items():
        peak, frames = watched(bench, f"G6-{work}-{name}", *words, "--gpu-memory", f"{gigabytes}G")
        peaks.append(peak)
        aim = 1024 * gigabytes + overhead
        found = f"{peak} MiB, budget {1024 * gigabytes}"
        title = f"{work}, --gpu-memory {gigabytes}G, {frames} frames, {name} file"
        bench.table.add(title, f"<= {aim} MiB", found, peak <= aim)
    ratio = peaks[1] / max(peaks[0], 1)
    bench.table.add(f"  {work}: ten times longer file, memory", "<= 1.1", f"{ratio:.3f}", ratio <= 1.1)


def g6(bench):
    overhead, budget = libraries(bench)
    found = f"{overhead} MiB with --gpu-memory {budget}"
    bench.table.add("GPU memory of a run of almost nothing: context, cuDNN, libraries", "-", found)

    out = bench.out / "sr.mp4"
    runs = {
        "short": (*sr_words(bench, bench.clip(), out), *bench.limit(96)),
        "long": (*sr_words(bench, bench.joined(OFTEN), out), *bench.limit(96 * OFTEN)),
    }
    compare(bench, "SR net", 6, overhead, runs)

    clip = bench.clip()
    large = ("-i", clip, "-t", 10, "-an", "-vf", "scale=3840:2160", "-c:v", "libx264", "-preset", "ultrafast")
    short = bench.make(f"4k-{clip.stem}.mp4", *large, "-g", "48")
    rest = ("-m", bench.model("resnet50.onnx"), "--batch", 16, "--runtime=cuda", "-o", bench.out / "lines.jsonl")
    runs = {
        "short": ("-i", short, *rest, *bench.limit()),
        "long": ("-i", bench.joined(OFTEN, short), *rest, *bench.limit()),
    }
    compare(bench, "ResNet-50 of 4K", 4, overhead, runs)
