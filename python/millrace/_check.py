"""`millrace script check`: scripts on made-up frames, what they take and give, how long, and what is to be mended."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import json
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from millrace._chain import chain_of
from millrace._check_link import Findings
from millrace._check_run import Loaded, Whole, check
from millrace._check_time import Deadline
from millrace._declare import ScriptError
from millrace._script import opened

_INTERRUPTED = 130  # the program's exit code


def _python() -> str:
    return f"{platform.python_version()} ({sys.executable})"


def _json(found: Whole) -> dict[str, Any]:
    """Of one script all in one object; of several what holds for all, and an object for each."""
    whole = {
        "python": _python(),
        "calls": found.calls,
        "short_calls": found.short_calls,
        "memory_bytes": found.memory_bytes,
        "memory_growth_bytes": found.memory_growth_bytes,
    }
    if len(found.scripts) == 1:
        one = found.scripts[0]
        return {**asdict(one), **whole, "notes": [*one.notes, *found.notes]}
    times = {"call_seconds": found.call_seconds, "frame_seconds": found.frame_seconds}
    every = [asdict(one) for one in found.scripts]
    return {"order": found.order, "batch": found.batch, **whole, **times, "notes": found.notes, "scripts": every}


def _parameters(found: Findings) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in found.parameters.items()) or "-"


def _takes(found: Findings) -> str:
    given = found.input
    if not given:
        return "no input"
    yuv = given["color"] == "yuv"
    pictures = "the planes of yuv420p" if yuv else f"{given['color']}, white is {given['white']}"
    return f"{given['dtype']} {given['shape']}, {pictures}"


def _gave(found: Findings) -> str:
    made = found.output
    if "first" in made:
        return json.dumps(made["first"])
    return f"{made['dtype']} {made['shape']}, values from {made['lowest']:.3g} to {made['highest']:.3g}"


def _times(found: Findings) -> list[str]:
    """Of the first call, of those behind it, and what one process can do."""
    call = "yield" if found.kind == "generator" else "call"
    lines = [f"  {f'first {call}':12}{_milliseconds(found.first_call_seconds)} ms"]
    of, by = "", "by that one"
    if found.timed_calls > 1:
        span = f"{_milliseconds(found.fastest_call_seconds)} to {_milliseconds(found.slowest_call_seconds)}"
        of = f", the median of {found.timed_calls} ({span})"
        together = found.call_seconds / found.frame_seconds / found.mean_call_seconds
        by = f"by the median, {together:,.0f} by all {found.timed_calls} together"
    if found.timed_calls > 0:
        frame = f"{found.frame_seconds * 1e3:.3f} ms a frame"
        lines.append(f"  then        {_milliseconds(found.call_seconds)} ms a {call}{of}; {frame}")
    return [*lines, f"  rate        {_rate(found.frame_seconds)} {by}"]


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.2f}"


def _rate(frame_seconds: float) -> str:
    return f"{1 / frame_seconds:,.0f} frames a second in one process"


def _calls(found: Whole) -> str:
    alone = len(found.scripts) == 1 and found.scripts[0].kind == "generator"
    calls = found.calls + found.short_calls
    return f"{calls} {'yield' if alone else 'call'}{'' if calls == 1 else 's'} went as a run's would"


def _lines_of(found: Findings) -> list[str]:
    """What is said of each script alike."""
    return [
        f"  parameters  {_parameters(found)}",
        f"  takes       {_takes(found)}",
        f"  gave back   {_gave(found)}",
        f"  import      {found.import_seconds:.3f} s",
        f"  setup       {found.setup_seconds:.3f} s",
        *_times(found),
    ]


def _text(found: Whole) -> str:
    memory = f"{found.memory_bytes / 1e6:.0f} MB, grew by {found.memory_growth_bytes / 1e6:.1f} MB"
    several = len(found.scripts) > 1
    lines: list[str] = []
    for number, one in enumerate(found.scripts, 1):
        order = "" if one.kind == "generator" else f", order {one.order}"
        head = f"{one.script}: {one.kind} {one.name}{order}"
        lines.append(f"{number}. {head}" if several else head)
        said = _lines_of(one)
        if several and number < len(found.scripts):
            said.insert(3, f"  hands on    {_handed(found, number)} a call to {found.scripts[number].name}")
        lines += said if several else [f"  Python      {_python()}", *said, f"  memory      {memory}"]
        lines += [f"  note: {note}" for note in one.notes]
    if several:
        lines += [
            f"together: batch {found.batch}, order {found.order}",
            f"  Python      {_python()}",
            f"  then        {_milliseconds(found.call_seconds)} ms a call; {found.frame_seconds * 1e3:.3f} ms a frame",
            f"  rate        {_rate(found.frame_seconds)} by the medians",
            f"  memory      {memory}",
        ]
    lines += [f"  note: {note}" for note in found.notes]
    return "\n".join([*lines, f"good: {_calls(found)}"])


def _handed(found: Whole, number: int) -> str:
    """What script `number`, counted from 1, hands to the next."""
    pictures = found.scripts[number].input["shape"][0]
    return f"{pictures} {'picture' if pictures == 1 else 'pictures'}"


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


def _checked(asked: dict[str, Any], answer: int) -> Whole:
    if importlib.util.find_spec("numpy") is None:
        raise ScriptError(f"frames are made with numpy; install it: {sys.executable} -m pip install numpy")
    deadlines = [
        Deadline(str(Path(path).absolute()), asked["timeout"], lambda error: _end(error, asked, answer))
        for path in asked["paths"]
    ]
    imported = [
        deadline.timed(functools.partial(opened, path))
        for deadline, path in zip(deadlines, asked["paths"], strict=True)
    ]
    chain = chain_of([script for _, script in imported], asked["settings"])
    loaded = [
        Loaded(script, seconds, deadline)
        for script, (seconds, _), deadline in zip(chain.scripts, imported, deadlines, strict=True)
    ]
    return check(chain, loaded, asked)


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
    """`asked`: paths, settings, size, batch, timeout, json, as src/app/script_check.cc has them. The exit code."""
    try:
        with _printing_to_stderr() as answer:
            found = _checked(asked, answer)
    except ScriptError as error:
        return _said(error, asked)
    except KeyboardInterrupt:
        print("millrace: interrupted", file=sys.stderr)
        return _INTERRUPTED
    print(json.dumps(_json(found), indent=2, ensure_ascii=False) if asked["json"] else _text(found))
    return 0
