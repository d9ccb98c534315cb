"""The frames of a generator, from its process to the encoder."""

from __future__ import annotations

import json
import operator
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from millrace import _engine
from millrace._batch import Info
from millrace._chain import Chain
from millrace._declare import ScriptError
from millrace._errors import InterruptedRun
from millrace._followers import Yielded, output_of, timed
from millrace._generator import picture_of
from millrace._results import described, device_of, plain, shape_and_dtype
from millrace._script import Script

_END = object()


class Frames:
    """What a generator yields, counted and checked."""

    def __init__(self, script: Script, device: str, limit: int | None = None) -> None:
        """`limit`: no more frames than that are wanted."""
        said = script.description
        self._script = script
        self._device = device
        self._limit = limit
        self._wanted: int | None = said["frames"]
        self._timed = said["declaration"]["time_base"] is not None
        self._last: int | None = None  # pts
        self._dtype: str = said["declaration"]["dtype"]
        self._picture = picture_of(said["declaration"])
        self._made: Any = None
        self.number = 0  # of the frame that comes next

    def begin(self, start: int) -> None:
        """Call the script. `start`, where it takes that, is the first frame that is wanted."""
        said = self._script.description
        made = self._script.call(**({"start": start} if said["takes_start"] else {}))
        if not hasattr(made, "__iter__") or shape_and_dtype(made):
            raise self._error(f"returned {described(made)}; frames are yielded, one after the other: write yield")
        self._made = self._script.entered(iter, made)
        self.number = start if said["takes_start"] else 0

    def next(self) -> Yielded | None:
        """The next frame, or batch of frames; None: there are no more."""
        left = None if self._limit is None else self._limit - self.number
        value = _END if left == 0 else self._next()
        if value is _END:
            self._end(limited=left == 0)
            return None
        frames, pts = self._parted(value)
        count = self._checked(frames)
        times = self._times(pts, count)
        if left is not None and count > left:
            count, times = left, times and times[:left]
        yielded = Yielded(plain(frames), count, self.number, times)
        self.number += count
        if self._wanted is not None and self.number > self._wanted:
            raise self._error(f"declares {self._wanted} frames and yielded {self.number}; mend one of the two")
        return yielded

    def _next(self) -> Any:
        try:
            return self._script.entered(next, self._made, _END)
        except ScriptError as error:
            raise ScriptError(f"{error} (frame {self.number})", code=error.code, traceback=error.traceback) from error

    def _end(self, *, limited: bool) -> None:
        if limited:
            if hasattr(self._made, "close"):
                self._script.entered(self._made.close)
        elif self.number == 0:
            raise self._error("yielded no frame; a video has at least one")
        elif self._wanted is not None and self.number < self._wanted:
            raise self._error(f"declares {self._wanted} frames and yielded {self.number}; mend one of the two")

    def _parted(self, value: Any) -> tuple[Any, Any]:
        """The frames, and their times where those are declared."""
        pair = isinstance(value, tuple) and len(value) == 2
        if self._timed and not pair:
            raise self._error(
                f"yielded, as frame {self.number}: expected (frame, pts), as the decorator has a time_base, found "
                f"{described(value)}; yield the time, in ticks, with the frame"
            )
        if pair and not self._timed:
            raise self._error(
                f"yielded, as frame {self.number}: found a pair; frames come at the frame_rate, or with their times, "
                "as (frame, pts), where the decorator has a time_base"
            )
        return value if pair else (value, None)

    def _times(self, pts: Any, count: int) -> list[int] | None:
        """Checked: whole numbers, one a frame, each after the one before."""
        if not self._timed:
            return None
        try:
            times = [operator.index(one) for one in (pts if hasattr(pts, "__len__") else [pts])]
        except TypeError:
            raise self._error(
                f"yielded, as pts of frame {self.number}: expected a whole number of ticks, of a batch a list of them, "
                f"found {pts!r}"
            ) from None
        if len(times) != count:
            raise self._error(f"yielded, from frame {self.number} on, {count} frames with {len(times)} times")
        for number, time in enumerate(times, self.number):
            if self._last is not None and time <= self._last:
                raise self._error(
                    f"yielded, as pts of frame {number}: {time}, which is not after {self._last} of the frame before; "
                    "frames come in the order in which they are shown"
                )
            self._last = time
        return times

    def _checked(self, value: Any) -> int:
        """So many frames are in it."""
        found = shape_and_dtype(value)
        shape = tuple(found[0]) if found else ()
        one, several = shape == self._picture, shape[1:] == self._picture and shape[0] > 0
        if not found or found[1] != self._dtype or not (one or several):
            extents = ", ".join(map(str, self._picture))
            raise self._error(
                f"yielded, as frame {self.number}: expected {self._dtype} [{extents}] or [n, {extents}], found "
                f"{described(value)}; {_advice(found, self._dtype, self._picture)}"
            )
        if (device := device_of(value)) not in ("cpu", self._device):
            raise self._error(
                f"yielded, as frame {self.number}: expected an array on {self._device}, found one on {device}; "
                "bring it there, or choose --device cuda"
            )
        return 1 if one else shape[0]

    def _error(self, text: str) -> ScriptError:
        return ScriptError(f"{self._script.path}: {self._script.description['name']} {text}", code="failed")


def _advice(found: tuple[Sequence[int], str] | None, dtype: str, picture: Sequence[int]) -> str:
    if not found:
        return "yield arrays; of several frames numpy.stack makes one"
    if found[1] != dtype:
        return f"convert it to {dtype}, or declare another dtype"
    if sorted(found[0][-len(picture) :]) == sorted(picture):
        return "is its layout the one that the decorator declares?"
    return "its size is the one that the decorator declares"


def _made(chain: Chain) -> dict[str, Any]:
    """What the last script's pictures are, for the Writer: of a generator alone what it declares."""
    said = chain.description
    made, scale, rate = dict(said["declaration"]), said["scale"], said["rate"]
    made["width"], made["height"] = made["width"] * scale, made["height"] * scale
    made["frame_rate"] = (Fraction(*made["frame_rate"]) * rate).as_integer_ratio()
    if made["time_base"] is not None:  # so that what a rate makes of two times has one, too
        made["time_base"] = (Fraction(*made["time_base"]) / rate).as_integer_ratio()
    return made


def _make(generation: _engine.Generation, chain: Chain, batch: int, limit: int | None) -> None:
    script, said = chain.scripts[0], chain.scripts[0].description
    declared = said["declaration"]
    frames = Frames(script, generation.device, limit)
    output = output_of(generation, chain, batch)
    info = Info(declared["width"], declared["height"], generation.device, batch)
    timed(generation, chain.setup, info)
    generation.set_up()
    begin = output.first_wanted if limit is None else min(output.first_wanted, limit)
    start = begin if said["takes_start"] else 0
    output.begin(begin, start)
    timed(generation, frames.begin, start)
    while (yielded := timed(generation, frames.next)) is not None:
        if generation.stopped:
            raise InterruptedRun("interrupted; run the same command to continue")
        output.add(yielded)
    output.end()
    timed(generation, chain.flush)
    timed(generation, chain.close)
    output.close()


def generate(worker: _engine.ScriptWorker, description: dict[str, Any], chain: Chain) -> bool:
    """Until the file is there. False: it failed, which the run was told; what was finished is kept."""
    limit = worker.frames
    batch = worker.batch or description["batch"]
    said = dict(description)
    if len(chain.scripts) > 1:
        said["settings"] = {**said["settings"], "batch": str(batch)}
    declared = min((number for number in (limit, said["frames"]) if number is not None), default=None)
    said["frames"] = declared and declared * said["rate"]
    said["lines"] = chain.scripts[-1].description["kind"] == "analyser"
    generation = _engine.Generation(worker, json.dumps(said), json.dumps(_made(chain)))
    try:
        _make(generation, chain, batch, limit)
    except BaseException:
        generation.abort()
        raise
    generation.finish()
    return True
