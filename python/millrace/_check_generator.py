"""`millrace script check` of a generator: its first frames, as a run would take them."""

from __future__ import annotations

from typing import Any

from millrace._batch import Batch, Info
from millrace._check_frames import HostFrames, Wanted, aligned
from millrace._check_link import Findings, range_of
from millrace._check_time import Deadline
from millrace._declare import ScriptError
from millrace._followers import Yielded, clock_of
from millrace._generation import Frames
from millrace._generator import picture_of
from millrace._results import shape_and_dtype
from millrace._script import Script

_FRAMES = 12  # yields beside the first
_ENOUGH_SECONDS = 5.0  # of them


def refuse(path: str, name: str, value: object) -> None:
    """What is said of other kinds' frames."""
    if value is not None:
        raise ScriptError(
            f"{path}: it is a generator, whose decorator says what frames are; leave out {name}", code="usage"
        )


class Yields:
    """What a generator yields, with the time that it takes. Raises ScriptError where a run would."""

    def __init__(self, script: Script, found: Findings, deadline: Deadline, handed_to: str = "") -> None:
        """`handed_to`: the name of the script behind it."""
        self._script = script
        self._found = found
        self._deadline = deadline
        self._handed_to = handed_to
        self._frames = Frames(script, "cpu")
        self._declared = script.description["declaration"]
        self.times: list[float] = []  # of yields behind the first
        self.count = 0  # of yields

    def begin(self, batch: int) -> None:
        info = Info(self._declared["width"], self._declared["height"], "cpu", batch)
        self._found.setup_seconds = self._deadline.timed(lambda: self._script.setup(info))[0]
        self._found.first_call_seconds = self._deadline.timed(lambda: self._frames.begin(0))[0]

    def next(self) -> Yielded | None:
        seconds, yielded = self._deadline.timed(self._frames.next)
        if yielded is None:
            return None
        self.count += 1
        if self.count == 1:
            self._found.first_call_seconds += seconds
            self._found.output = self._described(yielded.frames)
        else:
            self.times.append(seconds)
        return yielded

    def end(self) -> None:
        found = self._found
        found.take_times(self.times)
        found.frame_seconds = found.call_seconds * self.count / self._frames.number
        self._deadline.timed(self._script.flush)
        self._deadline.timed(self._script.close)

    def _described(self, first: Any) -> dict[str, Any]:
        """What came first, and what is odd about it."""
        import numpy

        kind = shape_and_dtype(first)
        assert kind
        array = numpy.asarray(first, dtype="float32" if kind[1] == "float16" else None)
        values = range_of(array, self._declared["range"], self._found.notes, handed_to=self._handed_to)
        return {"dtype": self._declared["dtype"], "shape": [*picture_of(self._declared)], **values}


def run_alone(yields: Yields) -> None:
    """As many frames as are looked at."""
    yields.begin(1)
    while len(yields.times) < _FRAMES and sum(yields.times) < _ENOUGH_SECONDS and yields.next():
        pass
    yields.end()


def takes_behind(script: Script, batch: int) -> Wanted:
    """What a generator's frames are to the scripts behind it."""
    said = script.description["declaration"]
    return Wanted(said["width"], said["height"], said["color"], said["dtype"], said["layout"], said["range"],
                  batch, window=(0, 0), scale=1, rate=1)  # fmt: skip


class Gathered:
    """A generator's frames in batches, for the scripts behind it."""

    def __init__(self, yields: Yields, script: Script, takes: Wanted) -> None:
        """`takes`: what the first script behind it does."""
        self._yields = yields
        self._takes = takes
        self._tick, self._a_frame = clock_of(script.description["declaration"])
        self._waiting: list[tuple[Any, int, int]] = []  # picture, number, pts

    def take(self, count: int) -> Batch | None:
        """So many frames, fewer at the end, in a tensor of the full batch; None: there are no more."""
        import numpy

        while len(self._waiting) < count and (yielded := self._yields.next()):
            pictures = numpy.array(yielded.frames).reshape(-1, *self._takes.picture())
            for index in range(yielded.count):
                number, pts = yielded.number + index, yielded.pts_of(index)
                self._waiting.append((pictures[index], number, number * self._a_frame if pts is None else pts))
        if not self._waiting:
            return None
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        array = aligned(self._takes.shape, self._takes.dtype)
        for slot, (picture, _, _) in enumerate(taken):
            array[slot] = picture
        return Batch(
            tensor=HostFrames.of(array),
            indices=tuple(number for _, number, _ in taken),
            pts=tuple(pts for _, _, pts in taken),
            seconds=tuple(float(pts * self._tick) for _, _, pts in taken),
            segments=(0,) * len(taken),
            result_shape=self._takes.picture(self._takes.scale),
            rate=self._takes.rate,
        )
