"""Finding a model's best settings by measuring: `millrace tune` as a function."""

from __future__ import annotations

import dataclasses
import html
import json
import os
import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from millrace import _engine
from millrace._options import Options, Path, Time, arguments, check_names
from millrace._run import with_found

if TYPE_CHECKING:
    from typing_extensions import Unpack


@dataclasses.dataclass(frozen=True)
class TuneSettings:
    """Settings of a run; None is left to the run."""

    batch: int | None = None
    workers: int | None = None  # runs of the model at once
    threads: int | None = None  # in one of them
    lanes: int | None = None
    fp32: bool = False
    tensorrt: bool = False


@dataclasses.dataclass(frozen=True)
class TunePoint:
    """The model by itself at one setting."""

    axis: str  # what was searched: "batch", "threads", "precision", "provider"
    settings: TuneSettings
    fps: float  # median
    spread: float  # how far the measurements lie apart, as a share of it
    frames: int  # that they stand on
    run_seconds: float


@dataclasses.dataclass(frozen=True)
class TuneRun:
    """A whole run on part of the clip."""

    what: str
    settings: TuneSettings
    fps: float
    frames: int
    lanes: int  # most at once
    limits: str  # the stage that held the others up


@dataclasses.dataclass(frozen=True)
class FewFrames:
    """Of a choice some of whose figures stand on too few frames for a sure one."""

    frames: int  # the fewest
    time: float | None  # seconds of tuning that would give all of them enough; None: it is not what they lack
    longer_clip: bool  # the clip has no more


@dataclasses.dataclass(frozen=True)
class LivePoint:
    """Frames of a live source at one batch and timeout. Times from when a frame was due until its result."""

    batch: int
    timeout_seconds: float
    fps: float  # results a second
    ceiling_fps: float  # that runs so filled could give
    p50_seconds: float
    p99_seconds: float
    worst_seconds: float
    frames: int
    mean_batch: float  # frames in a run
    keeps_up: bool


@dataclasses.dataclass(frozen=True, repr=False)
class TuneResult:
    """What was measured, and what came of it. `print` shows the table, a notebook the curve."""

    model: str
    input: str
    device: str
    machine: str
    runtime: str
    precision: str  # what runs compute in by themselves: "fp32", "tf32", "fp16"
    model_input: tuple[int, int]
    frame: tuple[int, int]
    points: tuple[TunePoint, ...]
    whole: tuple[TuneRun, ...]
    ended: tuple[tuple[str, str], ...]  # each search, and why it ended
    chosen: TuneSettings | None  # None for a live source
    few: FewFrames | None  # None: all of it stands on enough frames
    stored: str | None  # the file that runs take it from
    live: tuple[LivePoint, ...]
    live_best: LivePoint | None  # that keeps up, and is soonest done with its slowest frames
    seconds: float
    _json: str = dataclasses.field(compare=False)

    def __str__(self) -> str:
        """The table that `millrace tune` prints."""
        return _engine.tune_text(self._json)

    def __repr__(self) -> str:
        return f"<millrace.TuneResult {self.model!r} on {self.device}: {self.chosen or self.live_best}>"

    def to_json(self) -> str:
        """The JSON that `millrace tune --json` prints."""
        return self._json

    def svg(self) -> str:
        """The curve, as a picture."""
        return _engine.tune_plot(self._json)

    def _repr_html_(self) -> str:
        return f"{self.svg()}<pre>{html.escape(str(self))}</pre>"


def tune(
    model: Path,
    input: Path,  # noqa: A002  # the command line's word
    *,
    time: Time | None = None,
    live: float | None = None,
    store: bool = True,
    plot: Path | None = None,
    progress: Callable[[str], object] | None = None,
    **options: Unpack[Options],
) -> TuneResult:
    """Find batch, runs at once, threads, precision, runtime and lanes for a model on this machine, on frames like the
    clip's: docs/tuning.md. Runs of the model take what was found by themselves, unless `store` is False.

    `time` bounds the measuring, in seconds (60). `live` measures how long frames of a source of so many a second wait
    instead, and keeps nothing. `plot` is written as SVG. `progress` gets a line a measurement. Options that are given
    are not searched. Raises millrace.Error.
    """
    check_names("tune", options)
    asked: dict[str, Any] = {"input": input, "model": model, "time": time, "live": live, "no_store": not store}
    text = _engine.tune(arguments("tune", with_found({**asked, **options})), progress)
    result = _from_json(text)
    if plot is not None:
        pathlib.Path(os.fsdecode(plot)).write_text(result.svg(), encoding="utf-8")
    return result


def _from_json(text: str) -> TuneResult:
    body = json.loads(text)
    live = body.get("live") or {"points": [], "best": None}
    return TuneResult(
        model=body["model"],
        input=body["input"],
        device=body["device"],
        machine=body["machine"],
        runtime=body["runtime"],
        precision=body["precision"],
        model_input=(body["model_input"][0], body["model_input"][1]),
        frame=(body["frame"][0], body["frame"][1]),
        points=tuple(TunePoint(**{**point, "settings": _settings(point)}) for point in body["points"]),
        whole=tuple(TuneRun(**{**run, "settings": _settings(run)}) for run in body["whole"]),
        ended=tuple((end["axis"], end["why"]) for end in body["ended"]),
        chosen=TuneSettings(**body["chosen"]) if "chosen" in body else None,
        few=FewFrames(**body["few"]) if body.get("few") else None,
        stored=body.get("stored"),
        live=tuple(LivePoint(**point) for point in live["points"]),
        live_best=LivePoint(**live["best"]) if live["best"] else None,
        seconds=body["seconds"],
        _json=text,
    )


def _settings(measured: dict[str, Any]) -> TuneSettings:
    return TuneSettings(**measured["settings"])
