"""Several scripts, one after the other, as one: each takes what the one before made."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from millrace._batch import Info
from millrace._declare import ScriptError
from millrace._script import Opened, Script, configured, opened

# What one hands to the next, which the engine does not convert; with what holds where it is not said.
_FORMAT = {"input.color": "rgb", "input.layout": "nchw", "input.range": "1"}
_LENGTH = 8  # bytes that say how long a state is
_OF_THE_FIRST = {"input.size": "size", "input.fit": "fit", "window": "window"}


class Chain:
    """One script or several. Raises ScriptError where they do not fit together."""

    def __init__(self, scripts: Sequence[Script]) -> None:
        self.scripts = scripts
        for before, after in pairwise(scripts):
            _check_pair(before, after)
        self.description = _description(scripts)

    def setup(self, info: Info) -> None:
        """Once, before the first batch; each is told the size of what it is handed."""
        scale = 1
        for script in self.scripts:
            script.setup(replace(info, width=info.width * scale, height=info.height * scale))
            scale *= script.description["scale"]

    def save(self) -> bytes:
        """Of all that have a state."""
        states = [script.save() for script in self._stateful()]
        return b"".join(len(state).to_bytes(_LENGTH, "big") + state for state in states)

    def load(self, state: bytes) -> None:
        """What save() returned."""
        at = 0
        for script in self._stateful():
            begin = at + _LENGTH
            at = begin + int.from_bytes(state[at:begin], "big")
            script.load(state[begin:at])

    def flush(self) -> None:
        for script in self.scripts:
            script.flush()

    def close(self) -> None:
        for script in self.scripts:
            script.close()

    def _stateful(self) -> list[Script]:
        return [script for script in self.scripts if script.description["saves"]]


def _format(script: Script) -> str:
    """What it takes and gives: "float32, rgb, nchw, white is 1"."""
    said = script.description["settings"]
    color, layout, white = (said.get(key, default) for key, default in _FORMAT.items())
    if color == "yuv":
        return "yuv planes"
    return f"{script.description['dtype']}, {'luma' if color == 'y' else color}, {layout}, white is {white}"


def _check_pair(before: Script, after: Script) -> None:
    name = f"{after.path}: {after.description['name']}"
    earlier = f"{before.description['name']} of {before.path}"
    if after.description["kind"] == "generator":
        raise ScriptError(f"{name} comes after {earlier}, but makes frames of its own; a generator is the first script")
    if before.description["kind"] == "analyser":
        raise ScriptError(f"{name} comes after {earlier}, which makes no pictures; an analyser is the last script")
    if before.description["rate"] != 1 and after.description["kind"] == "analyser":
        raise ScriptError(f"{name} comes after {earlier}, which gives {before.description['rate']} pictures a frame; "
                          "an analyser says one thing a frame")  # fmt: skip
    for key, word in _OF_THE_FIRST.items():
        if key in after.description["settings"]:
            generates = before.description["kind"] == "generator"
            whose = "a generator says what frames are, and hands on single ones" if generates else (
                "only the first script can")  # fmt: skip
            raise ScriptError(f"{name} declares {word}, but is handed what {earlier} makes; {whose}")
    if _format(before) != _format(after):
        raise ScriptError(f"{name} takes {_format(after)}, but {earlier} gives {_format(before)}; declare the same")


def _description(scripts: Sequence[Script]) -> dict[str, Any]:
    """As of one script: what comes in is the first one's, what comes out the last one's."""
    every = [script.description for script in scripts]
    said = dict(every[-1] if len(every) == 1 else every[0])
    sequential = [one for one in every if one["order"] == "sequential"]
    batch = min(one["batch"] for one in every if one["kind"] != "generator" or len(every) == 1)
    said["steps"] = [(one["scale"], one["rate"]) for one in every]
    if len(every) == 1:
        return said
    if said["kind"] != "generator":
        said["kind"] = every[-1]["kind"]
    said["name"] = " | ".join(one["name"] for one in every)
    said["scale"] = math.prod(one["scale"] for one in every)
    said["rate"] = math.prod(one["rate"] for one in every)
    said["batch"] = batch
    said["order"] = "sequential" if sequential else "any"
    said["saves"] = bool(sequential) and all(one["saves"] for one in sequential)
    said["settings"] = {**said["settings"], "batch": json.dumps(batch), "order": said["order"]}
    said["sha256"] = hashlib.sha256("".join(one["sha256"] for one in every).encode()).hexdigest()
    said["parameters"] = {f"{one['name']}.{key}": value for one in every for key, value in one["parameters"].items()}
    return said


def with_frames(error: ScriptError, indices: Sequence[int]) -> ScriptError:
    """What was raised in a call, with the frames that it was about."""
    first, last = indices[0], indices[-1]
    frames = f"frame {first}" if first == last else f"frames {first} to {last}"
    return ScriptError(f"{error} ({frames})", code=error.code, traceback=error.traceback)


def _settings_of(scripts: Sequence[Opened], settings: Mapping[str, str]) -> list[dict[str, str]]:
    """Which parameters are whose: "gain" of the one script that has it, "brighten.gain", or "2.gain" of the second."""
    shared: list[dict[str, str]] = [{} for _ in scripts]
    for key, value in settings.items():
        entry, _, name = key.rpartition(".")
        named = [("", script.name, str(number)) for number, script in enumerate(scripts, 1)]
        takers = [i for i, script in enumerate(scripts) if name in script.names and entry in named[i]]
        if len(takers) > 1:
            owners = " and ".join(f"{scripts[i].name} ({i + 1})" for i in takers)
            raise ScriptError(
                f"{owners} have a parameter {name}; say whose: --set {takers[0] + 1}.{name}={value}", code="usage"
            )
        if not takers:
            known = [f"{script.name}.{one}" for script in scripts for one in script.names]
            raise ScriptError(
                f"no parameter is called {key}; the scripts have {', '.join(known) or 'none'}", code="usage"
            )
        shared[takers[0]][name] = value
    return shared


def load_chain(paths: Sequence[str | Path], settings: Mapping[str, str]) -> Chain:
    """The scripts in files, with parameters from `settings`. Runs the files. Raises ScriptError."""
    return chain_of([opened(path) for path in paths], settings)


def chain_of(scripts: Sequence[Opened], settings: Mapping[str, str]) -> Chain:
    """Scripts whose files have run, with parameters from `settings`. Raises ScriptError."""
    if len(scripts) == 1:
        return Chain([configured(scripts[0], settings)])
    shared = _settings_of(scripts, settings)
    return Chain([configured(script, own) for script, own in zip(scripts, shared, strict=True)])
