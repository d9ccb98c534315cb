"""What becomes of a generator's frames: they go to the encoder, or through the scripts behind it first."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol, TypeVar

from millrace import _engine
from millrace._batch import Batch
from millrace._chain import Chain, with_frames
from millrace._declare import ScriptError
from millrace._generator import picture_of
from millrace._writer import stream_of

Result = TypeVar("Result")


@dataclass(frozen=True)
class Yielded:
    """What a generator yielded, checked."""

    frames: Any  # one, or a batch
    count: int  # that are wanted
    number: int  # of the first
    pts: list[int] | None

    def pts_of(self, index: int) -> int | None:
        return None if self.pts is None else self.pts[index]


def timed(generation: _engine.Generation, call: Callable[..., Result], *arguments: object) -> Result:
    """What --script-timeout bounds, and the report counts."""
    generation.enter()
    try:
        return call(*arguments)
    finally:
        generation.leave()


class Output(Protocol):
    """Where frames go."""

    @property
    def first_wanted(self) -> int:
        """Frames before this one need not be made."""

    def begin(self, first: int, number: int) -> None:
        """`first` is the first frame that is wanted, `number` the first that will come."""

    def add(self, yielded: Yielded) -> None:
        """In order."""

    def end(self) -> None:
        """There are no more."""

    def close(self) -> None:
        """Until the file is there."""


class _Alone:
    """Straight to the encoder."""

    def __init__(self, generation: _engine.Generation) -> None:
        self._writer = generation.writer()
        self.first_wanted = generation.frames_done

    def begin(self, first: int, number: int) -> None:
        self._writer.start_at(min(first, number))

    def add(self, yielded: Yielded) -> None:
        self._writer.write(yielded.frames, yielded.pts, stream_of(yielded.frames, None), yielded.count)

    def end(self) -> None:
        pass

    def close(self) -> None:
        self._writer.close()


@dataclass(frozen=True)
class _Frame:
    """One that waits for its batch to be full."""

    number: int
    pts: int  # in ticks of the generator
    seconds: float
    segment: int


class _Step:
    """A script behind the generator, and what it is told."""

    def __init__(self, chain: Chain, number: int) -> None:
        before = [script.description for script in chain.scripts[:number]]
        declared = chain.description["declaration"]
        self.script = chain.scripts[number]
        said = self.script.description
        self.dtype: str = declared["dtype"]
        self.rate_before = math.prod(one["rate"] for one in before)
        self.rate = said["rate"]
        scale = math.prod(one["scale"] for one in before)
        self.takes = picture_of(declared, scale)
        self.gives = picture_of(declared, scale * said["scale"])


def clock_of(declared: Mapping[str, Any]) -> tuple[Fraction, int]:
    """Seconds of a generator's tick, and the ticks of a frame of which its time does not say how long it lasts."""
    ticks, rate = declared["time_base"], Fraction(*declared["frame_rate"])
    tick = Fraction(*ticks) if ticks else Fraction(1, rate.numerator)
    return tick, max(1, round(1 / rate / tick))


class _Followed:
    """Through the scripts behind the generator, in batches."""

    def __init__(self, generation: _engine.Generation, chain: Chain, batch: int) -> None:
        said, declared = chain.description, chain.description["declaration"]
        self._generation = generation
        self._steps = [_Step(chain, number) for number in range(1, len(chain.scripts))]
        self._rate: int = said["rate"]
        self._size = batch
        self._lines = chain.scripts[-1].description["kind"] == "analyser"
        self._writer = None if self._lines else generation.writer()
        self._times = declared["time_base"] is not None
        self._tick, self._a_frame = clock_of(declared)
        self._chain = chain
        self._saves = said["saves"]
        self._segment: int | None = None  # of the last batch
        self._state = generation.last_state if self._saves else None
        # What a sequential script knows, it knows of all frames, or by a state of the frames before it.
        done = 0 if said["order"] == "sequential" else generation.frames_done
        if self._state is not None:
            done = (self._state + 1) * generation.segment_frames
        self.first_wanted = done // self._rate
        self._first = 0
        self._waiting: list[_Frame] = []

    def begin(self, first: int, number: int) -> None:
        assert number <= first
        self._first = first
        if self._state is not None:
            timed(self._generation, self._chain.load, self._generation.read_state(self._state))
        if self._writer is not None:
            self._writer.start_at(self._first * self._rate)
        else:
            self._generation.lines_at(self._first)

    def add(self, yielded: Yielded) -> None:
        """A batch is worked on when the frame behind it is there: until then nobody knows how long its last one is."""
        stream = stream_of(yielded.frames, None)
        at = max(0, self._first - yielded.number)  # those before are on disk
        while at < yielded.count:
            frame = self._frame(yielded.number + at, yielded.pts_of(at))
            if len(self._waiting) == self._room():
                self._work(frame.pts)
            if not self._waiting:
                self._generation.begin_batch(self._steps[0].dtype, [self._size, *self._steps[0].takes])
            more = min(yielded.count - at, self._room(frame) - len(self._waiting))
            self._generation.put(yielded.frames, at, more, len(self._waiting), stream)
            for one in range(at, at + more):
                self._waiting.append(self._frame(yielded.number + one, yielded.pts_of(one)))
            at += more

    def end(self) -> None:
        if self._waiting:
            self._work(self._waiting[-1].pts + self._a_frame)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        else:
            self._generation.close_lines()

    def _room(self, first: _Frame | None = None) -> int:
        """Frames of a batch that begins with those that wait, or `first`: where states are kept, of one segment."""
        if self._waiting:
            first = self._waiting[0]
        if not self._saves or first is None:
            return self._size
        following = (first.segment + 1) * self._generation.segment_frames // self._rate
        return min(self._size, following - first.number)

    def _frame(self, number: int, pts: int | None) -> _Frame:
        ticks = number * self._a_frame if pts is None else pts
        # That of its last picture: what is known before its first frame is known at the end of the segment before.
        segment = ((number + 1) * self._rate - 1) // self._generation.segment_frames
        return _Frame(number, ticks, float(ticks * self._tick), segment)

    def _work(self, following: int) -> None:
        """`following`: pts of the frame behind the last one."""
        frames, self._waiting = self._waiting, []
        if self._saves:
            self._keep_state(frames[0].segment)
        tensor = self._generation.take_batch()
        results: Any = None
        for step in self._steps:
            if results is not None:
                count = len(frames) * step.rate_before
                tensor = self._generation.hand_on(
                    results, step.dtype, [self._size * step.rate_before, *step.takes], count
                )
            results = timed(self._generation, self._called, step, tensor, frames)
        del tensor
        if self._lines:
            for frame, line in zip(frames, results, strict=True):
                self._generation.write_line((frame.number, frame.pts, frame.seconds), line)
        else:
            self._write(results, len(frames) * self._rate, self._pts(frames, following))

    def _keep_state(self, segment: int) -> None:
        if self._segment is not None and segment != self._segment:
            self._generation.keep_state(self._segment, timed(self._generation, self._chain.save))
        self._segment = segment

    def _called(self, step: _Step, tensor: _engine.FrameTensor, frames: Sequence[_Frame]) -> Any:
        stamps = [
            (frame.number, None if between else frame.pts, frame.seconds, frame.segment)
            for frame in frames
            for between in range(step.rate_before)
        ]
        indices, pts, seconds, segments = zip(*stamps, strict=True)
        batch = Batch(tensor, indices, pts, seconds, segments, step.gives, step.rate)
        try:
            return step.script.check(step.script.process(batch), batch)
        except ScriptError as error:
            raise with_frames(error, indices) from error

    def _pts(self, frames: Sequence[_Frame], following: int) -> list[int] | None:
        """Of all pictures, in ticks so many times finer as there are pictures of a frame."""
        if not self._times:
            return None
        ends = [*(frame.pts for frame in frames[1:]), following]
        return [
            frame.pts * self._rate + (end - frame.pts) * picture
            for frame, end in zip(frames, ends, strict=True)
            for picture in range(self._rate)
        ]

    def _write(self, results: Any, count: int, pts: list[int] | None) -> None:
        assert self._writer is not None
        if not isinstance(results, list):
            self._writer.write(results, pts, stream_of(results, None), count)
            return
        for number, picture in enumerate(itertools.islice(results, count)):
            self._writer.write(picture, pts and pts[number : number + 1], stream_of(picture, None))


def output_of(generation: _engine.Generation, chain: Chain, batch: int) -> Output:
    """Of a generator alone, or with others behind it."""
    return _Followed(generation, chain, batch) if len(chain.scripts) > 1 else _Alone(generation)
