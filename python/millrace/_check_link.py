"""One of the scripts that `millrace script check` runs: what it took, what it gave, how long, and what is odd."""

from __future__ import annotations

import gc
import json
import statistics
import weakref
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from millrace._batch import Batch, Info
from millrace._chain import with_frames
from millrace._check_frames import HostFrames, Wanted
from millrace._check_time import Deadline
from millrace._declare import ScriptError
from millrace._script import Script

_SLOWER = 3.0  # times as long as the median that are worth a note, where they are
_SLOWEST = 2.0  # times as long as the slowest, too: some machines are slow at every fourth call
_MOMENT = 0.05  # seconds that are not
_KEPT = 1  # batches whose memory a script may keep; as in the engine


@dataclass
class Findings:
    """What `--json` prints of a script. Times are seconds."""

    script: str
    kind: str
    name: str
    sha256: str
    parameters: dict[str, Any]
    order: str
    input: dict[str, Any]  # nothing of a generator
    output: dict[str, Any] = field(default_factory=dict)
    import_seconds: float = 0.0
    setup_seconds: float = 0.0
    first_call_seconds: float = 0.0
    timed_calls: int = 0  # further ones, with a full batch, or yields; the next five are of them
    call_seconds: float = 0.0  # the median
    mean_call_seconds: float = 0.0
    fastest_call_seconds: float = 0.0
    slowest_call_seconds: float = 0.0
    frame_seconds: float = 0.0  # by the median
    notes: list[str] = field(default_factory=list)

    def take_times(self, times: Sequence[float]) -> None:
        """Of calls behind the first, which stands for all where it was the only one."""
        self.timed_calls = len(times)
        measured = times or [self.first_call_seconds]
        self.call_seconds, self.mean_call_seconds = statistics.median(measured), statistics.fmean(measured)
        self.fastest_call_seconds, self.slowest_call_seconds = min(measured), max(measured)


def findings_of(script: Script, import_seconds: float, takes: Wanted | None = None) -> Findings:
    """Before it is called. `takes`: of a generator nothing."""
    said = script.description
    shown = {key: value for key, value in asdict(takes).items() if key not in ("scale", "rate")} if takes else {}
    return Findings(
        script=str(script.path),
        kind=said["kind"],
        name=said["name"],
        sha256=said["sha256"],
        parameters=said["parameters"],
        order=said["order"],
        input={"shape": list(takes.shape), **shown} if takes else {},
        import_seconds=import_seconds,
    )


def range_of(array: Any, white: int, notes: list[str], *, handed_to: str = "") -> dict[str, float]:
    """The lowest and the highest value, and what is to be said of all. `handed_to`: a script, else it is the video."""
    import numpy

    finite = array[numpy.isfinite(array)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    outside = numpy.mean((finite < 0) | (finite > white)) if finite.size else 0.0
    if finite.size < array.size:
        becomes = f"{handed_to} is handed them" if handed_to else "NaN becomes 0 in the video"
        notes.append(f"{array.size - finite.size} values are NaN or infinite; {becomes}")
    if outside > 0 and not handed_to:
        notes.append(f"{outside:.2%} of the values are below 0 or above {white}, and are cut off in the video")
    return {"lowest": low, "highest": high}


def _stacked(results: Any, pictures: int) -> Any:
    """A processor's result, checked, as an array of numpy that is ours."""
    import numpy

    if isinstance(results, HostFrames):
        return numpy.array(results)[:pictures]
    arrays = list(results)[:pictures]
    return numpy.stack([numpy.array(array.detach() if hasattr(array, "detach") else array) for array in arrays])


class Link:
    """A script that takes frames, on its way through the calls of a run."""

    def __init__(self, script: Script, takes: Wanted, found: Findings, deadline: Deadline) -> None:
        self.script = script
        self.takes = takes
        self.found = found
        self._deadline = deadline
        self._given: list[weakref.ref[Any]] = []
        self._times: list[float] = []  # of full batches but the first

    def timed(self, call: Callable[[], object]) -> float:
        return self._deadline.timed(call)[0]

    def setup(self, batch: int) -> None:
        info = Info(self.takes.width, self.takes.height, "cpu", batch, self.takes.pixel_format)
        self.found.setup_seconds = self.timed(lambda: self.script.setup(info))

    def call(self, batch: Batch) -> tuple[float, Any]:
        """As the worker does: the seconds, and lines or an array of pictures. Results are read within the time, as JAX
        and GPUs return before they have them."""
        self._check_kept(batch)

        def called() -> Any:
            try:
                made = self.script.check(self.script.process(batch), batch)
            except ScriptError as error:
                raise with_frames(error, batch.indices) from error
            return made if self.found.kind == "analyser" else _stacked(made, len(batch) * batch.rate)

        return self._deadline.timed(called)

    def _check_kept(self, batch: Batch) -> None:
        gc.collect()
        self._given = [given for given in self._given if given() is not None]
        if len(self._given) > _KEPT:
            raise ScriptError(
                f"{self.script.path}: it keeps the memory of {len(self._given)} batches, which is the run's; at most "
                f"{_KEPT} can be kept: copy what is needed longer",
                code="failed",
            )
        assert isinstance(batch.tensor, HostFrames)
        self._given.append(weakref.ref(batch.tensor.owner))

    def count(self, seconds: float) -> None:
        """A call with a full batch, behind the first."""
        self._times.append(seconds)

    def describe(self, first: Any, handed_to: str) -> None:
        """What came back at first. `handed_to`: the name of the script that is next; empty: it is the last."""
        notes = self.found.notes
        if self.found.kind == "analyser":
            if any("null" in line for line in first):
                notes.append("there is a null in what came back; NaN and infinity become null")
            self.found.output = {"first": json.loads(first[0])}
            return
        shape = [self.takes.batch * self.takes.rate, *self.takes.picture(self.takes.scale)]
        values = range_of(first, self.takes.white, notes, handed_to=handed_to)
        self.found.output = {"dtype": str(first.dtype), "shape": shape, **values}

    def repeats(self, first: Any, again: Any) -> bool:
        """Whether the same frames gave the same; a note where not."""
        import numpy

        if first == again if self.found.kind == "analyser" else numpy.array_equal(first, again, equal_nan=True):
            return True
        self.found.notes.append(
            "the same frames gave another result the second time, so an interrupted run goes on to another file; seed "
            'what is random by batch.indices, or declare order="sequential" if it depends on the frames before'
        )
        return False

    def judge(self, frames: int) -> None:
        """Its times, with so many frames of the video in a full batch."""
        found = self.found
        found.take_times(self._times)
        found.frame_seconds = found.call_seconds / frames
        if found.first_call_seconds > self._odd:
            times = found.first_call_seconds / max(found.call_seconds, 1e-9)
            found.notes.append(
                f"the first call took {times:.0f} times as long as the others, once in every process that runs the "
                "script; what can be done before belongs in setup"
            )

    @property
    def _odd(self) -> float:
        """Seconds of a call that are more than further ones with a full batch account for."""
        return max(_SLOWER * self.found.call_seconds, _SLOWEST * self.found.slowest_call_seconds, _MOMENT)

    def judge_short(self, seconds: float) -> None:
        """A call with a batch that was not full, after judge()."""
        if seconds > self._odd:
            times = seconds / max(self.found.call_seconds, 1e-9)
            self.found.notes.append(
                f"a batch that is not full took {times:.0f} times as long as a full one: is something compiled for "
                "each shape? batch.tensor always has the same"
            )

    def end(self) -> None:
        self.timed(self.script.flush)
        self.timed(self.script.close)
