"""What a run did, and where its time went: the JSON of docs/report.md as objects."""

from __future__ import annotations

import dataclasses
import html
import json
from typing import Any


@dataclasses.dataclass(frozen=True)
class Frames:
    """The accounting of frames: decoded = processed + dropped, processed = encoded = muxed."""

    expected: int
    decoded: int
    processed: int
    encoded: int
    muxed: int
    dropped_pts: list[int]
    corrupt_pts: list[int]
    missing_pts: list[int]
    decode_errors: int
    nan_values: int
    retimed: int
    reshaped: int


@dataclasses.dataclass(frozen=True)
class Segments:
    """How many pieces the file was worked on in, and how many an earlier run had finished."""

    total: int
    reused: int


@dataclasses.dataclass(frozen=True)
class Stage:
    """One stage of the flow; times are sums over its workers."""

    name: str
    workers: int
    frames: int
    busy_seconds: float
    wait_input_seconds: float
    wait_output_seconds: float
    gpu_seconds: float
    ceiling_fps: float


@dataclasses.dataclass(frozen=True)
class Copies:
    """Copies between the host and a GPU, one way."""

    seconds: float
    bytes: int


@dataclasses.dataclass(frozen=True)
class Gpu:
    """What a GPU did during the run."""

    device: str
    kernel_seconds: float
    kernel_share: float
    kernels: int
    kernels_watched: float
    up: Copies
    down: Copies


@dataclasses.dataclass(frozen=True)
class Gil:
    """How long a thread that asked for Python's lock during calls into the script waited for it, sampled."""

    samples: int
    waited_share: float
    held_up_share: float
    wait_p50_seconds: float
    wait_p95_seconds: float


@dataclasses.dataclass(frozen=True)
class ScriptCopies:
    """Copies on a GPU that one line of a script asked for."""

    line: str  # "enhance.py:42"
    direction: str  # "up", "down", "across"
    count: int
    bytes: int
    seconds: float


@dataclasses.dataclass(frozen=True)
class ScriptTimes:
    """What a run's script did, summed over its processes."""

    kind: str  # "processor", "analyser", "generator"
    workers: int
    calls: int
    python_seconds: float
    gil_wait_seconds: float
    gil: Gil | None
    copies: list[ScriptCopies] | None
    peak_memory_bytes: int


@dataclasses.dataclass(frozen=True, repr=False)
class Report:
    """docs/report.md says what each attribute is."""

    input: str
    output: str
    device: str
    model: str
    encoder: str
    runtime: str
    model_runs_as: str
    engine: str
    size_in: tuple[int, int]
    size_out: tuple[int, int]
    input_seconds: float
    frames: Frames
    segments: Segments
    one_segment_reason: str
    stages: list[Stage]
    gpus: list[Gpu]
    script: ScriptTimes | None
    started: float
    wall_seconds: float
    run_seconds: float
    load_seconds: float
    first_run_seconds: float
    first_frame_seconds: float
    join_seconds: float
    cores: int
    cores_at_work: float
    fps: float
    peak_memory_bytes: int
    limiting_stage: str
    verdict: str
    fallbacks: list[str]
    notes: list[str]

    def to_json(self) -> str:
        """The JSON that `millrace run --json` prints."""
        return json.dumps(dataclasses.asdict(self), indent=2, sort_keys=True, ensure_ascii=False)

    def __repr__(self) -> str:
        return f"<millrace.Report {self.output!r}: {self.frames.muxed} frames, {self.fps:.1f} fps>"

    def _repr_html_(self) -> str:
        """For notebooks: what was done, what limits, and the stages."""
        lines = [("output", self.output), ("frames", f"{self.frames.muxed}"), ("frames a second", f"{self.fps:.1f}")]
        lines += [("verdict", self.verdict)] if self.verdict else []
        lines += [("fell back", line) for line in self.fallbacks] + [("note", line) for line in self.notes]
        facts = "".join(f"<tr><th>{name}</th><td>{html.escape(value)}</td></tr>" for name, value in lines)
        return f"<table>{facts}</table>{_stage_table(self.stages)}"


def _stage_table(stages: list[Stage]) -> str:
    titles = ("stage", "workers", "frames", "busy s", "waits for input s", "waits for output s", "ceiling fps")
    head = "".join(f"<th>{title}</th>" for title in titles)
    rows = ""
    for stage in stages:
        times = (stage.busy_seconds, stage.wait_input_seconds, stage.wait_output_seconds)
        cells = [html.escape(stage.name), str(stage.workers), str(stage.frames), *(f"{time:.2f}" for time in times)]
        cells.append(f"{stage.ceiling_fps:.1f}" if stage.ceiling_fps else "")
        rows += "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
    return f"<table><tr>{head}</tr>{rows}</table>"


def report_from_json(text: str) -> Report:
    """A report from the engine's JSON."""
    values: dict[str, Any] = json.loads(text)
    values["size_in"], values["size_out"] = tuple(values["size_in"]), tuple(values["size_out"])
    values["frames"] = Frames(**values["frames"])
    values["segments"] = Segments(**values["segments"])
    values["stages"] = [Stage(**stage) for stage in values["stages"]]
    for gpu in values["gpus"]:
        gpu["up"], gpu["down"] = Copies(**gpu["up"]), Copies(**gpu["down"])
    values["gpus"] = [Gpu(**gpu) for gpu in values["gpus"]]
    values["script"] = _script(values["script"]) if values["script"] else None
    return Report(**values)


def _script(values: dict[str, Any]) -> ScriptTimes:
    values["gil"] = Gil(**values["gil"]) if values["gil"] else None
    if values["copies"] is not None:
        values["copies"] = [ScriptCopies(**copies) for copies in values["copies"]]
    return ScriptTimes(**values)
