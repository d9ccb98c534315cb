"""What every row needs: commands, clips, runs of millrace with their reports, and the table that grows row by row."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SAMPLE = ROOT / "samples/bbb.mp4"
MODELS = ("sr.onnx", "sr_deep.onnx", "resnet50.onnx", "nearest.onnx")
CLIP_SECONDS = 30


class FailureError(Exception):
    """A row cannot be measured; the others go on."""


def check(done, command):
    if done.returncode != 0:
        program = Path(str(command[0])).name
        raise FailureError(f"{program}: exit {done.returncode}: {done.stderr.strip()[-600:]}")
    return done


def execute(*command, timeout=300, env=None):
    """Runs a command to its end; FailureError with the end of its errors otherwise. Returns what it said."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=timeout, env=env, stdin=subprocess.DEVNULL)
    except OSError as error:
        raise FailureError(f"{words[0]}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise FailureError(f"{Path(words[0]).name}: not done after {timeout} s") from error
    return check(done, words)


def stages_of(report):
    return {stage["name"]: stage for stage in report["stages"]}


def slowest(report):
    """The stage with the lowest ceiling, and that in frames a second."""
    ceilings = {s["name"]: s["ceiling_fps"] for s in report["stages"] if s["ceiling_fps"] > 0 and s["name"] != "join"}
    if not ceilings:
        raise FailureError("the report has no stage with a ceiling")
    return min(ceilings.items(), key=lambda item: item[1])


def describe(report):
    """What of a run's report goes into the table's file."""
    keys = ("fps", "limiting_stage", "verdict", "model_runs_as", "encoder", "fallbacks", "notes", "size_in", "size_out")
    more = ("run_seconds", "load_seconds", "first_run_seconds", "join_seconds", "segments", "gpus", "stages")
    return {"frames": report["frames"]["muxed"], **{key: report[key] for key in (*keys, *more)}}


class Table:
    """Lines in the order in which they were found, written to `folder` again after every row."""

    def __init__(self, folder, about):
        self.folder, self.about, self.rows = folder, about, []

    def begin(self, name):
        self.rows.append({"row": name, "lines": [], "runs": {}, "seconds": 0.0})

    def add(self, work, aim, found, reached=None, **details):
        """reached: True, False, or None where there is no aim or nothing could be said."""
        line = {"work": work, "aim": aim, "found": found, "reached": reached, "details": details}
        self.rows[-1]["lines"].append(line)
        print(f"  {work}: {found}", file=sys.stderr, flush=True)

    def end(self, seconds):
        self.rows[-1]["seconds"] = round(seconds, 1)
        (self.folder / "table.json").write_text(json.dumps({**self.about, "rows": self.rows}, indent=2))
        (self.folder / "table.md").write_text(self.markdown() + "\n")

    def markdown(self):
        words = {True: "reached", False: "missed", None: ""}
        lines = ["| row | work | aim | found | |", "| --- | --- | --- | --- | --- |"]
        for row in self.rows:
            for line in row["lines"]:
                cells = (row["row"], line["work"], line["aim"], line["found"], words[line["reached"]])
                lines.append("| " + " | ".join(cell.replace("|", "/").replace("\n", " ") for cell in cells) + " |")
        return "\n".join(lines)

    def missed(self):
        return [row["row"] for row in self.rows if any(line["reached"] is False for line in row["lines"])]


class Bench:
    """The programs and the clips. Outputs go to FOLDER/out, which is emptied after every row."""

    def __init__(self, options):
        self.options = options
        self.folder = options.folder
        self.device = options.device
        self.out = self.folder / "out"
        self.out.mkdir(parents=True, exist_ok=True)
        words = vars(options).items()
        self.table = Table(self.folder, {"date": time.strftime("%F %T"), "options": {k: str(v) for k, v in words}})
        self.reports = {}  # of runs that several rows want, by name
        self._found = {}  # what the other programs said, by their arguments

    # Inputs.

    def model(self, name):
        if not all((self.folder / each).exists() for each in MODELS):
            execute(sys.executable, ROOT / "bench/gpu/make_models.py", self.folder)
        return self.folder / name

    def make(self, name, *words):
        """A file that ffmpeg writes once; under another name until it is whole."""
        path = self.folder / name
        if not path.exists():
            unfinished = path.with_name("unfinished-" + name)
            execute("ffmpeg", "-v", "error", *words, "-y", unfinished)
            unfinished.rename(path)
        return path

    def clip(self):
        if self.options.clip:
            return self.options.clip
        read = ("-stream_loop", "-1", "-i", SAMPLE, "-t", CLIP_SECONDS, "-vf", "scale=1920:1080")
        return self.make("1080p.mp4", *read, "-c:v", "libx264", "-preset", "veryfast", "-g", "60", "-c:a", "copy")

    def joined(self, times, path=None):
        """The file, by default the clip, `times` times in a row."""
        path = path or self.clip()
        name = f"{path.stem}-x{times}{path.suffix}"
        return self.make(name, "-stream_loop", times - 1, "-i", path, "-map", "0", "-c", "copy")

    def limit(self, frames=None):
        """Words for a run of at most `frames` frames, and not more than the smoke option says."""
        counts = [count for count in (frames, self.options.frames) if count]
        return ("--frames", min(counts)) if counts else ()

    # Millrace.

    def command(self, *words, device=None):
        library = ("--ort-library", self.options.ort_library) if self.options.ort_library else ()
        program = (self.options.millrace, "run", "-y", "-v", "error", "--no-progress")
        return [str(word) for word in (*program, *library, "--device", device or self.device, *words)]

    def run(self, name, *words, device=None, timeout=300):
        """A run from its beginning. Returns its report, which the table keeps."""
        path = self.out / f"{name}.report.json"
        execute(*self.command("--restart", "--report", path, *words, device=device), timeout=timeout)
        return self.keep(name, path)

    def keep(self, name, path):
        report = json.loads(path.read_text())
        self.table.rows[-1]["runs"][name] = describe(report)
        if report["fallbacks"]:
            self.table.add(f"  fallbacks of the run {name}", "none", "; ".join(report["fallbacks"]))
        return report

    # The programs that measure one thing.

    def _bench(self, option, *words, timeout=300):
        program = getattr(self.options, option)
        if not program:
            raise FailureError(f"--{option.replace('_', '-')} was not given")
        key = (option, *map(str, words))
        if key not in self._found:
            env = dict(os.environ)
            if self.options.ort_library:
                env["MILLRACE_ONNXRUNTIME"] = str(self.options.ort_library)
            self._found[key] = execute(program, *words, timeout=timeout, env=env).stdout
        return self._found[key]

    def infer(self, model, size, *batches, choice="-"):
        """The model alone: one object a batch."""
        said = self._bench("infer_bench", self.model(model), f"{size[0]}x{size[1]}", choice, *batches)
        return [json.loads(line) for line in said.splitlines() if line.startswith("{")]

    def nvdec(self, path):
        return json.loads(self._bench("nvdec_bench", path))

    def clips(self, path):
        return json.loads(self._bench("clips_bench", path))

    # Judging.

    def packets(self, path, *streams):
        """SHA-256 of the packets of these streams, such as 0:v."""
        maps = [word for stream in streams for word in ("-map", stream)]
        said = execute("ffmpeg", "-v", "error", "-i", path, *maps, "-c", "copy", "-f", "hash", "-hash", "sha256", "-")
        return said.stdout.strip()

    def gpus(self):
        if not shutil.which("nvidia-smi"):
            return []
        return [line for line in execute("nvidia-smi", "-L").stdout.splitlines() if line.startswith("GPU ")]

    def clean(self):
        shutil.rmtree(self.out)
        self.out.mkdir()


def attempt(measure, *arguments):
    """(what `measure` finds, None), or (None, why not): for figures that a row can do without."""
    try:
        return measure(*arguments), None
    except FailureError as error:
        return None, str(error)
