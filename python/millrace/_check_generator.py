"""`millrace script check` of a generator: its first frames, as a run would take them."""

from __future__ import annotations

from typing import Any

from millrace._batch import Info
from millrace._check_time import Deadline
from millrace._declare import ScriptError
from millrace._generation import Frames
from millrace._generator import picture_of
from millrace._results import shape_and_dtype
from millrace._script import Script

_FRAMES = 12  # yields beside the first
_ENOUGH_SECONDS = 5.0  # of them


class Made:
    """What a generator yielded."""

    def __init__(self) -> None:
        self.setup_seconds = 0.0
        self.first_seconds = 0.0
        self.seconds = 0.0  # the median of further ones, a yield
        self.yields = 0
        self.frames = 0
        self.output: dict[str, Any] = {}
        self.notes: list[str] = []


def refuse(path: str, size: object, batch: object) -> None:
    """What is said of other kinds' frames."""
    for name, value in (("--size", size), ("--batch", batch)):
        if value is not None:
            raise ScriptError(
                f"{path}: it is a generator, whose decorator says what frames are; leave out {name}", code="usage"
            )


def made_by(script: Script, deadline: Deadline) -> Made:
    """Raises ScriptError where a run would."""
    declared = script.description["declaration"]
    made, frames = Made(), Frames(script, "cpu")
    info = Info(declared["width"], declared["height"], "cpu", 1)
    made.setup_seconds = deadline.timed(lambda: script.setup(info))[0]
    made.first_seconds = deadline.timed(lambda: frames.begin(0))[0]
    seconds, first = deadline.timed(frames.next)
    made.first_seconds += seconds
    assert first  # a generator without a frame is refused
    made.output = _described(first.frames, declared, made.notes)
    times: list[float] = []
    while len(times) < _FRAMES and sum(times) < _ENOUGH_SECONDS:
        seconds, value = deadline.timed(frames.next)
        if value is None:
            break
        times.append(seconds)
    made.yields, made.frames = 1 + len(times), frames.number
    made.seconds = sorted(times)[len(times) // 2] if times else made.first_seconds
    deadline.timed(script.flush)
    deadline.timed(script.close)
    return made


def _described(first: Any, declared: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    """What came first, and what is odd about it."""
    import numpy

    found = shape_and_dtype(first)
    assert found
    array = numpy.asarray(first, dtype="float32" if found[1] == "float16" else None)
    finite = array[numpy.isfinite(array)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    outside = numpy.mean((finite < 0) | (finite > declared["range"])) if finite.size else 0.0
    if finite.size < array.size:
        notes.append(f"{array.size - finite.size} values are NaN or infinite; NaN becomes 0 in the video")
    if outside > 0:
        notes.append(
            f"{outside:.2%} of the values are below 0 or above {declared['range']}, and are cut off in the video"
        )
    return {"dtype": declared["dtype"], "shape": [*picture_of(declared)], "lowest": low, "highest": high}
