"""`millrace script check`: a script on made-up frames, what it takes and gives, how long, and what is to be mended."""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import itertools
import json
import os
import platform
import resource
import sys
import weakref
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from millrace import _check_generator
from millrace._batch import Batch, Info
from millrace._check_frames import HostFrames, batch_of, wanted
from millrace._check_time import Deadline
from millrace._declare import ScriptError
from millrace._script import Script, load

_SIZE = (640, 360)  # of the video that is made up
_CALLS = 12  # beside the first
_ENOUGH_SECONDS = 5.0  # of calls
_SLOWER = 3.0  # times that are worth a note
_MOMENT = 0.05  # seconds that are not
_INTERRUPTED = 130  # the program's exit code
_KEPT = 1  # batches whose memory a script may keep; as in the engine


@dataclass
class Findings:
    """What `--json` prints. Times are seconds, memory is bytes."""

    script: str
    kind: str
    name: str
    sha256: str
    python: str
    parameters: dict[str, Any]
    order: str
    input: dict[str, Any]
    output: dict[str, Any] = field(default_factory=dict)
    import_seconds: float = 0.0
    setup_seconds: float = 0.0
    first_call_seconds: float = 0.0
    call_seconds: float = 0.0  # the median of further ones, with a full batch
    frame_seconds: float = 0.0
    calls: int = 0
    memory_bytes: int = 0  # resident, at the end
    memory_growth_bytes: int = 0  # over the second half of them
    notes: list[str] = field(default_factory=list)


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


class Check:
    """One script on its way through the calls of a run."""

    def __init__(self, path: str, script: Script, asked: dict[str, Any], deadline: Deadline) -> None:
        self._path = path
        self._script = script
        self._deadline = deadline
        self._wanted = wanted(script.description, asked["size"] or _SIZE, asked["batch"])
        shown = {key: value for key, value in asdict(self._wanted).items() if key not in ("scale", "rate")}
        self._found = _findings(path, script, {"shape": list(self._wanted.shape), **shown})
        self._given: list[weakref.ref[Any]] = []

    def run(self) -> Findings:
        """Raises ScriptError where a run would."""
        found, asked = self._found, self._wanted
        info = Info(asked.width, asked.height, "cpu", asked.batch)
        found.setup_seconds = self._deadline.timed(lambda: self._script.setup(info))[0]
        found.first_call_seconds, first = self._call(0, asked.batch)
        found.output = self._described(first)
        repeatable = self._script.description["order"] == "any"
        again = self._further_calls(0 if repeatable else asked.batch)
        if repeatable:
            self._compare(first, again)
        del first, again
        self._short_call()
        self._deadline.timed(self._script.flush)
        self._deadline.timed(self._script.close)
        found.memory_bytes = _resident()
        return found

    def _call(self, start: int, count: int) -> tuple[float, Any]:
        """As the worker does. Results are read within the time, as JAX and GPUs return before they have them."""
        batch = batch_of(self._wanted, start, count)
        self._check_kept(batch)

        def called() -> Any:
            results = self._script.process(batch)
            lines = self._script.check(results, batch)
            return lines if self._found.kind == "analyser" else _stacked(results, len(batch) * batch.rate)

        return self._deadline.timed(called)

    def _check_kept(self, batch: Batch) -> None:
        gc.collect()
        self._given = [given for given in self._given if given() is not None]
        if len(self._given) > _KEPT:
            raise ScriptError(
                f"{self._path}: it keeps the memory of {len(self._given)} batches, which is the run's; at most {_KEPT} "
                "can be kept: copy what is needed longer",
                code="failed",
            )
        assert isinstance(batch.tensor, HostFrames)
        self._given.append(weakref.ref(batch.tensor.owner))

    def _further_calls(self, start: int) -> Any:
        """The first of their results."""
        times: list[float] = []
        seconds, kept = self._call(start, self._wanted.batch)
        times.append(seconds)
        resident = [_resident()]
        while len(times) < _CALLS and sum(times) < _ENOUGH_SECONDS:
            start += self._wanted.batch
            times.append(self._call(start, self._wanted.batch)[0])
            resident.append(_resident())
        found = self._found
        found.calls = 1 + len(times)
        found.call_seconds = sorted(times)[len(times) // 2]
        found.frame_seconds = found.call_seconds / self._wanted.batch
        late = resident[len(resident) // 2 :]  # libraries' pools fill at first
        found.memory_growth_bytes = max(0, late[-1] - late[0])
        self._judge([after - before for before, after in itertools.pairwise(late)])
        return kept

    def _judge(self, growth: list[int]) -> None:
        """Times, and the growth of memory by call."""
        found, one = self._found, self._batch_bytes()
        if found.first_call_seconds > max(_SLOWER * found.call_seconds, _MOMENT):
            times = found.first_call_seconds / max(found.call_seconds, 1e-9)
            found.notes.append(
                f"the first call took {times:.0f} times as long as the others, once in every process that runs the "
                "script; what can be done before belongs in setup"
            )
        if len(growth) > 2 and min(growth) > max(one // 2, 1 << 20):
            found.notes.append(
                f"memory grew by {sum(growth) / len(growth) / 1e6:.1f} MB a call (a batch has "
                f"{one / 1e6:.1f} MB): does it keep something of every batch?"
            )

    def _batch_bytes(self) -> int:
        size = {"uint8": 1, "float16": 2}.get(self._wanted.dtype, 4)
        for extent in self._wanted.shape:
            size *= extent
        return size

    def _short_call(self) -> None:
        """The last batch of a video is seldom full."""
        count = self._wanted.batch
        if count == 1:
            return
        seconds = self._call(count * (self._found.calls + 1), count // 2)[0]
        if seconds > max(_SLOWER * self._found.call_seconds, _MOMENT):
            times = seconds / max(self._found.call_seconds, 1e-9)
            self._found.notes.append(
                f"a batch that is not full took {times:.0f} times as long as a full one: is something compiled for "
                "each shape? batch.tensor always has the same"
            )

    def _described(self, first: Any) -> dict[str, Any]:
        """What came back, and what is odd about it."""
        import numpy

        if self._found.kind == "analyser":
            if any("null" in line for line in first):
                self._found.notes.append("there is a null in what came back; NaN and infinity become null")
            return {"first": json.loads(first[0])}
        finite = first[numpy.isfinite(first)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
        outside = numpy.mean((finite < 0) | (finite > self._wanted.white)) if finite.size else 0.0
        if finite.size < first.size:
            self._found.notes.append(
                f"{first.size - finite.size} values are NaN or infinite; NaN becomes 0 in the video"
            )
        if outside > 0:
            self._found.notes.append(
                f"{outside:.2%} of the values are below 0 or above {self._wanted.white}, and are cut off in the video"
            )
        shape = [self._wanted.batch * self._wanted.rate, *self._wanted.picture(self._wanted.scale)]
        return {"dtype": str(first.dtype), "shape": shape, "lowest": low, "highest": high}

    def _compare(self, first: Any, again: Any) -> None:
        import numpy

        analysed = self._found.kind == "analyser"
        if first == again if analysed else numpy.array_equal(first, again, equal_nan=True):
            return
        self._found.notes.append(
            "the same frames gave another result the second time, so an interrupted run goes on to another file; seed "
            'what is random by batch.indices, or declare order="sequential" if it depends on the frames before'
        )


def _stacked(results: Any, pictures: int) -> Any:
    """A processor's result as an array of numpy that is ours."""
    import numpy

    arrays = list(results)[:pictures]
    return numpy.stack([numpy.array(array.detach() if hasattr(array, "detach") else array) for array in arrays])


def _generated(path: str, script: Script, asked: dict[str, Any], deadline: Deadline) -> Findings:
    _check_generator.refuse(path, asked["size"], asked["batch"])
    found = _findings(path, script, {})
    made = _check_generator.made_by(script, deadline)
    found.setup_seconds, found.first_call_seconds = made.setup_seconds, made.first_seconds
    found.call_seconds = made.seconds
    found.frame_seconds = made.seconds * made.yields / made.frames
    found.calls, found.output, found.notes = made.yields, made.output, made.notes
    found.memory_bytes = _resident()
    return found


def _findings(path: str, script: Script, shown: dict[str, Any]) -> Findings:
    description = script.description
    return Findings(
        script=path,
        kind=description["kind"],
        name=description["name"],
        sha256=description["sha256"],
        python=f"{platform.python_version()} ({sys.executable})",
        parameters=description["parameters"],
        order=description["order"],
        input=shown,
    )


def _text(found: Findings) -> str:
    given, made = found.input, found.output
    result = json.dumps(made["first"]) if "first" in made else f"{made['dtype']} {made['shape']}, {_range(made)}"
    parameters = ", ".join(f"{name}={value!r}" for name, value in found.parameters.items())
    rate = f"{1 / found.frame_seconds:,.0f} frames a second in one process" if found.frame_seconds else "no time at all"
    generates = found.kind == "generator"
    calls = found.calls + bool(given and given["batch"] > 1)
    order = "" if generates else f", order {found.order}"
    takes = f"{given['dtype']} {given['shape']}, {_pictures(given)}" if given else "no input"
    lines = [
        f"{found.script}: {found.kind} {found.name}{order}",
        f"  Python      {found.python}",
        f"  parameters  {parameters or '-'}",
        f"  takes       {takes}",
        f"  gave back   {result}",
        f"  import      {found.import_seconds:.3f} s",
        f"  setup       {found.setup_seconds:.3f} s",
        f"  first call  {found.first_call_seconds * 1e3:.2f} ms",
        f"  then        {found.call_seconds * 1e3:.2f} ms a call, {found.frame_seconds * 1e3:.3f} ms a frame: {rate}",
        f"  memory      {found.memory_bytes / 1e6:.0f} MB, grew by {found.memory_growth_bytes / 1e6:.1f} MB",
        *(f"  note: {note}" for note in found.notes),
        f"good: {calls} {'yields' if generates else 'calls'} went as a run's would",
    ]
    return "\n".join(lines)


def _pictures(given: dict[str, Any]) -> str:
    return f"{given['color']}, white is {given['white']}" if given["color"] != "yuv" else "the planes of yuv420p"


def _range(made: dict[str, Any]) -> str:
    return f"values from {made['lowest']:.3g} to {made['highest']:.3g}"


@contextlib.contextmanager
def _printing_to_stderr() -> Iterator[int]:
    """What the script prints, and what libraries below Python do, is no part of the answer; as in a run. What is."""
    sys.stdout.flush()
    answer = os.dup(1)
    os.dup2(2, 1)
    try:
        yield answer
    finally:
        sys.stdout.flush()
        os.dup2(answer, 1)
        os.close(answer)


def _checked(asked: dict[str, Any], answer: int) -> Findings:
    if importlib.util.find_spec("numpy") is None:
        raise ScriptError(f"frames are made with numpy; install it: {sys.executable} -m pip install numpy")
    path = str(Path(asked["path"]).absolute())
    deadline = Deadline(path, asked["timeout"], lambda error: _end(error, asked, answer))
    seconds, script = deadline.timed(lambda: load(asked["path"], asked["settings"]))
    if script.description["kind"] == "generator":
        found = _generated(path, script, asked, deadline)
    else:
        found = Check(path, script, asked, deadline).run()
    found.import_seconds = seconds
    return found


def _end(error: ScriptError, asked: dict[str, Any], answer: int) -> NoReturn:
    """Of a script that does not return."""
    os.dup2(answer, 1)
    code = _said(error, asked)
    sys.stdout.flush()
    os._exit(code)


def _said(error: ScriptError, asked: dict[str, Any]) -> int:
    """Its exit code."""
    print(f"millrace: error: {error}\n{error.traceback}".rstrip(), file=sys.stderr, flush=True)
    if asked["json"]:
        said = {"code": error.code, "message": str(error), "exit_code": error.exit_code}
        print(json.dumps({"error": said}, indent=2, ensure_ascii=False))
    return error.exit_code


def main(asked: dict[str, Any]) -> int:
    """`asked`: path, settings, size, batch, timeout, json, as src/app/script_check.cc has them. The exit code."""
    try:
        with _printing_to_stderr() as answer:
            found = _checked(asked, answer)
    except ScriptError as error:
        return _said(error, asked)
    except KeyboardInterrupt:
        print("millrace: interrupted", file=sys.stderr)
        return _INTERRUPTED
    print(json.dumps(asdict(found), indent=2, ensure_ascii=False) if asked["json"] else _text(found))
    return 0
