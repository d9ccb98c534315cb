"""Running jobs, and asking about files and machines."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from millrace import _engine, _runtime
from millrace._errors import InterruptedRun
from millrace._options import Options, Path, arguments, check_names
from millrace._report import Report, report_from_json

if TYPE_CHECKING:
    from typing_extensions import Unpack

_INTERVAL = 0.1  # seconds between looks at a run


def run(
    input: Path | None,  # noqa: A002  # the command line's word; None: the script is a generator
    output: Path,
    *,
    model: Path | None = None,
    progress: Callable[[_engine.Progress], object] | None = None,
    stop: threading.Event | None = None,
    **options: Unpack[Options],
) -> Report:
    """Put a video through a model (or none) and encode the result, as `millrace run` does.

    The keyword arguments are the command line's long options with underscores; millrace.Options lists them. `progress`
    is called in this thread, some ten times a second and once at the end. ctrl-C, an exception out of `progress`, or
    `stop` being set end the run once what is finished is safe in `<output>.millrace`; the same call then goes on from
    there. Raises millrace.Error.
    """
    check_names("run", options)
    asked: dict[str, Any] = {"input": input, "output": output, "model": model, **options}
    running = _engine.Running(arguments("run", with_found(asked)))
    try:
        while not running.wait(_INTERVAL):
            if progress is not None:
                progress(running.progress())
            if stop is not None and stop.is_set():
                running.stop()
    except BaseException:
        running.stop()
        with contextlib.suppress(InterruptedRun):
            _ended(running).report()
        raise
    report = report_from_json(running.report())
    if progress is not None:
        progress(running.progress())
    if (trace := options.get("trace")) is not None:
        pathlib.Path(os.fsdecode(trace)).write_text(running.trace(), encoding="utf-8")
    return report


def _ended(running: _engine.Running) -> _engine.Running:
    while not running.wait(_INTERVAL):
        pass
    return running


def probe(path: Path, *, model: Path | None = None, **options: Unpack[Options]) -> dict[str, Any]:
    """What a file holds, and what a run with these options would do: docs/probe.md."""
    check_names("probe", options)
    asked: dict[str, Any] = {"input": path, "model": model, **options}
    return _object(_engine.probe(arguments("probe", with_found(asked))))


def devices(*, ort_library: Path | None = None) -> dict[str, Any]:
    """What `device` may name, and the libraries that were found."""
    return _object(_engine.devices(arguments("devices", with_found({"ort_library": ort_library}))))


def versions() -> dict[str, Any]:
    """The versions of Millrace and of the libraries it uses."""
    return _object(_engine.versions())


def _object(text: str) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(text))


def with_found(options: dict[str, Any]) -> dict[str, Any]:
    """The options with what the command line would look for elsewhere."""
    if options.get("ort_library") is None:
        options["ort_library"] = _runtime.chosen_library()
    if options.get("script") is not None and options.get("python") is None:
        options["python"] = os.environ.get("MILLRACE_PYTHON") or sys.executable
    return options
