"""The calls of `millrace script check`: scripts one after the other on made-up frames, or on a generator's."""

from __future__ import annotations

import itertools
import resource
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from millrace import _check_generator
from millrace._batch import Batch
from millrace._chain import Chain
from millrace._check_frames import HostFrames, Wanted, aligned, batch_of, wanted
from millrace._check_link import Findings, Link, findings_of
from millrace._check_time import Deadline
from millrace._script import Script

_SIZE = (640, 360)  # of the video that is made up
_CALLS = 12  # beside the first
_ENOUGH_SECONDS = 5.0  # of calls


@dataclass
class Whole:
    """What is found of all scripts together. Times are seconds, memory is bytes."""

    scripts: list[Findings]
    order: str
    batch: int = 1
    calls: int = 0  # with a full batch, or yields
    short_calls: int = 0
    memory_bytes: int = 0  # resident, at the end
    memory_growth_bytes: int = 0  # over the second half of the calls
    notes: list[str] = field(default_factory=list)

    @property
    def call_seconds(self) -> float:
        """Of a batch, by the medians, also where a generator makes its frames one by one."""
        return self.frame_seconds * self.batch

    @property
    def frame_seconds(self) -> float:
        return sum(found.frame_seconds for found in self.scripts)


@dataclass(frozen=True)
class Loaded:
    """A script, how long its import took, and what bounds its steps."""

    script: Script
    import_seconds: float
    deadline: Deadline


class _MadeUp:
    """Frames for a first script that takes some."""

    def __init__(self, takes: Wanted) -> None:
        self._takes = takes
        self._next = 0

    def take(self, count: int) -> Batch:
        batch = batch_of(self._takes, self._next, count)
        self._next += count
        return batch

    def again(self) -> None:
        self._next = 0


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


def check(chain: Chain, loaded: Sequence[Loaded], asked: Mapping[str, Any]) -> Whole:
    """Raises ScriptError where a run would."""
    first = loaded[0].script
    if first.description["kind"] != "generator":
        return _Check(chain, loaded, wanted(first.description, asked["size"] or _SIZE, _batch(chain, asked))).run()
    _check_generator.refuse(str(first.path), "--size", asked["size"])
    if len(loaded) > 1:
        return _Check(chain, loaded, _check_generator.takes_behind(first, _batch(chain, asked))).run()
    _check_generator.refuse(str(first.path), "--batch", asked["batch"])
    found = findings_of(first, loaded[0].import_seconds)
    yields = _check_generator.Yields(first, found, loaded[0].deadline)
    _check_generator.run_alone(yields)
    return Whole([found], found.order, calls=yields.count, memory_bytes=_resident())


def _batch(chain: Chain, asked: Mapping[str, Any]) -> int:
    return int(asked["batch"] or chain.description["batch"])


class _Check:
    """Scripts that take frames, behind a generator or not."""

    def __init__(self, chain: Chain, loaded: Sequence[Loaded], takes: Wanted) -> None:
        """`takes`: what the first script does, or what a generator makes."""
        self._size = takes.batch
        self._repeats = chain.description["order"] == "any"
        self._links: list[Link] = []
        found: list[Findings] = []
        self._yields: _check_generator.Yields | None = None
        for number, one in enumerate(loaded):
            said = one.script.description
            if said["kind"] == "generator":
                found.append(findings_of(one.script, one.import_seconds))
                next_name = loaded[1].script.description["name"]
                self._yields = _check_generator.Yields(one.script, found[0], one.deadline, next_name)
                continue
            if number > 0:
                takes = _handed_on(takes, said)
            found.append(findings_of(one.script, one.import_seconds, takes))
            self._links.append(Link(one.script, takes, found[-1], one.deadline))
        self._source: _MadeUp | _check_generator.Gathered = (
            _check_generator.Gathered(self._yields, loaded[0].script, self._links[0].takes)
            if self._yields
            else _MadeUp(self._links[0].takes)
        )
        self._found = Whole(found, chain.description["order"], self._size)

    def run(self) -> Whole:
        if self._yields:
            self._yields.begin(self._size)
        for link in self._links:
            link.setup(self._size)
        first = self._call(self._size)
        assert first  # a generator without a frame is refused
        handed_to = [*(link.found.name for link in self._links[1:]), ""]
        for link, (seconds, value), name in zip(self._links, first, handed_to, strict=True):
            link.found.first_call_seconds = seconds
            link.describe(value, name)
        self._further_calls(first)
        del first
        self._short_call()
        if self._yields:
            self._yields.end()
        for link in self._links:
            link.end()
        self._found.memory_bytes = _resident()
        return self._found

    def _call(self, count: int) -> list[tuple[float, Any]] | None:
        """The seconds and what came back, by script; None: there are no frames."""
        batch = self._source.take(count)
        if batch is None:
            return None
        done: list[tuple[float, Any]] = []
        for link in self._links:
            if done:
                batch = _next_batch(batch, done[-1][1], link.takes)
            done.append(link.call(batch))
        return done

    def _further_calls(self, first: list[tuple[float, Any]]) -> None:
        """The first of them with the same frames again, where those can be had, and may give the same."""
        if self._repeats and isinstance(self._source, _MadeUp):
            self._source.again()
            compared: list[tuple[float, Any]] | None = first
        else:
            compared = None
        times: list[float] = []
        resident: list[int] = []
        while len(times) < _CALLS and sum(times) < _ENOUGH_SECONDS and (done := self._call(self._size)):
            if compared:
                self._compare(compared, done)
                compared = None
            times.append(sum(seconds for seconds, _ in done))
            resident.append(_resident())
            for link, (seconds, _) in zip(self._links, done, strict=True):
                link.count(seconds)
        for link in self._links:
            link.judge(self._size)
        self._found.calls = 1 + len(times)
        self._judge_memory(resident[len(resident) // 2 :])  # libraries' pools fill at first

    def _compare(self, first: list[tuple[float, Any]], again: list[tuple[float, Any]]) -> None:
        """Up to the first that differs: those behind it were handed something else."""
        for link, (_, one), (_, other) in zip(self._links, first, again, strict=True):
            if not link.repeats(one, other):
                break

    def _judge_memory(self, resident: Sequence[int]) -> None:
        growth = [after - before for before, after in itertools.pairwise(resident)]
        self._found.memory_growth_bytes = max(0, resident[-1] - resident[0]) if resident else 0
        one = self._links[0].takes.byte_count
        if len(growth) > 2 and min(growth) > max(one // 2, 1 << 20):
            self._found.notes.append(
                f"memory grew by {sum(growth) / len(growth) / 1e6:.1f} MB a call (a batch has "
                f"{one / 1e6:.1f} MB): does it keep something of every batch?"
            )

    def _short_call(self) -> None:
        """The last batch of a video is seldom full."""
        if self._size == 1:
            return
        done = self._call(self._size // 2)
        if done is None:
            return
        self._found.short_calls = 1
        for link, (seconds, _) in zip(self._links, done, strict=True):
            link.judge_short(seconds)


def _handed_on(takes: Wanted, said: Mapping[str, Any]) -> Wanted:
    """What a script takes behind one that takes `takes`."""
    return replace(
        takes,
        width=takes.width * takes.scale,
        height=takes.height * takes.scale,
        batch=takes.batch * takes.rate,
        window=(0, 0),
        scale=said["scale"],
        rate=said["rate"],
    )


def _next_batch(before: Batch, made: Any, takes: Wanted) -> Batch:
    """What one made, as the next is handed it; of pictures between two frames there are no times."""
    array = aligned(takes.shape, takes.dtype)
    array[: len(made)] = made
    stamps = [
        (index, None if between else pts, seconds, segment)
        for index, pts, seconds, segment in zip(
            before.indices, before.pts, before.seconds, before.segments, strict=True
        )
        for between in range(before.rate)
    ]
    indices, pts, seconds, segments = zip(*stamps, strict=True)
    return Batch(
        HostFrames.of(array), indices, pts, seconds, segments, takes.picture(takes.scale), takes.rate,
        takes.pixel_format,
    )  # fmt: skip
