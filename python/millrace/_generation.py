"""The frames of a generator, from its process to the encoder."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from millrace import _engine
from millrace._batch import Info
from millrace._declare import ScriptError
from millrace._errors import InterruptedRun
from millrace._results import described, device_of, plain, shape_and_dtype
from millrace._script import Script
from millrace._writer import stream_of

_END = object()
Result = TypeVar("Result")


class Frames:
    """What a generator yields, counted and checked."""

    def __init__(self, script: Script, device: str, limit: int | None = None) -> None:
        """`limit`: no more frames than that are wanted."""
        said = script.description
        self._script = script
        self._device = device
        self._limit = limit
        self._wanted: int | None = said["frames"]
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

    def next(self) -> Any:
        """The next frame, or batch of frames, as the encoder takes it; None: there are no more."""
        left = None if self._limit is None else self._limit - self.number
        value = _END if left == 0 else self._next()
        if value is _END:
            self._end(limited=left == 0)
            return None
        count = self._checked(value)
        value = plain(value)
        if left is not None and count > left:
            value, count = value[:left], left
        self.number += count
        if self._wanted is not None and self.number > self._wanted:
            raise self._error(f"declares {self._wanted} frames and yielded {self.number}; mend one of the two")
        return value

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


def picture_of(declaration: Mapping[str, Any]) -> tuple[int, ...]:
    """The shape of a frame."""
    channels = 1 if declaration["color"] == "luma" else 3
    extents = (declaration["height"], declaration["width"])
    return (channels, *extents) if declaration["layout"] == "nchw" else (*extents, channels)


def _advice(found: tuple[Sequence[int], str] | None, dtype: str, picture: Sequence[int]) -> str:
    if not found:
        return "yield arrays; of several frames numpy.stack makes one"
    if found[1] != dtype:
        return f"convert it to {dtype}, or declare another dtype"
    if sorted(found[0][-len(picture) :]) == sorted(picture):
        return "is its layout the one that the decorator declares?"
    return "its size is the one that the decorator declares"


def _timed(generation: _engine.Generation, call: Callable[..., Result], *arguments: object) -> Result:
    """What --script-timeout bounds, and the report counts."""
    generation.enter()
    try:
        return call(*arguments)
    finally:
        generation.leave()


def _make(generation: _engine.Generation, script: Script, limit: int | None) -> None:
    said = script.description
    writer = generation.writer()
    frames = Frames(script, generation.device, limit)
    declared = said["declaration"]
    _timed(generation, script.setup, Info(declared["width"], declared["height"], generation.device, 1))
    start = writer.frames_done if said["takes_start"] else 0
    start = start if limit is None else min(start, limit)
    writer.start_at(start)
    _timed(generation, frames.begin, start)
    while (value := _timed(generation, frames.next)) is not None:
        if generation.stopped:
            raise InterruptedRun("interrupted; run the same command to continue")
        writer.write(value, None, stream_of(value, None))
    _timed(generation, script.flush)
    _timed(generation, script.close)
    writer.close()


def generate(worker: _engine.ScriptWorker, description: dict[str, Any], script: Script) -> bool:
    """Until the file is there. False: it failed, which the run was told; what was finished is kept."""
    limit, declared = worker.frames, description["frames"]
    expected = min((number for number in (limit, declared) if number is not None), default=None)
    declaration = json.dumps(description["declaration"])
    generation = _engine.Generation(worker, json.dumps({**description, "frames": expected}), declaration)
    try:
        _make(generation, script, limit)
    except BaseException:
        generation.abort()
        raise
    generation.finish()
    return True
