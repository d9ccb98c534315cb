"""Decorators that make a function or class the entry of a script. What they are given is checked where it stands."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar, overload

from millrace._errors import Error

if TYPE_CHECKING:
    from typing_extensions import Unpack

Entry = TypeVar("Entry", bound=Callable[..., object])
Kind = Literal["processor", "analyser", "generator"]


class Declared(TypedDict, total=False):
    """What an entry wants, and how it is run. The words are those of model.json."""

    color: Literal["rgb", "bgr", "luma", "y", "yuv"]
    dtype: Literal["float32", "float16", "uint8"]
    layout: Literal["nchw", "nhwc"]
    range: Literal[1, 255]  # what white is
    size: tuple[int, int]  # width, height that frames are resized to; default: the video's
    fit: Literal["stretch", "letterbox", "crop"]
    batch: int  # frames a call, at most
    window: tuple[int, int]  # neighbours before and after each frame
    order: Literal["any", "sequential"]


class DeclaredProcessor(Declared, total=False):
    scale: int  # the result is so many times as wide and high as the input
    rate: int  # so many pictures come back for each frame, evenly up to the next one


@dataclass(frozen=True)
class Declaration:
    """A decorator's arguments, checked. What was not said is not in `said`."""

    kind: Kind
    said: Mapping[str, Any]


class ScriptError(Error):
    """A script cannot be used, or failed. The message is one line: the file, what was found, what to do.

    `code` is the engine's word for the kind of failure: "bad_input" (the script is not as it should be), "usage" (a
    parameter was given wrongly), "failed" (an exception while it worked). `traceback` has the frames of the script,
    where it was entered.
    """

    def __init__(self, message: str, *, code: str = "bad_input", traceback: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.exit_code = {"usage": 2, "bad_input": 3}.get(code, Error.exit_code)
        self.traceback = traceback


ATTRIBUTE = "__millrace__"
Check = Callable[[str, object], object]


def _one_of(*words: object) -> Check:
    def check(name: str, value: object) -> object:
        # By type too: True is equal to 1.
        if not any(type(value) is type(word) and value == word for word in words):
            raise ScriptError(f"{name}: expected {', '.join(map(str, words))}, found {value!r}")
        return value

    return check


def _whole(least: int, most: int) -> Check:
    def check(name: str, value: object) -> object:
        if type(value) is not int or not least <= value <= most:
            raise ScriptError(f"{name}: expected a whole number from {least} to {most}, found {value!r}")
        return value

    return check


def _pair(what: str, one: Check) -> Check:
    def check(name: str, value: object) -> object:
        if not isinstance(value, (tuple, list)) or len(value) != 2:
            raise ScriptError(f"{name}: expected two numbers ({what}), found {value!r}")
        return [one(name, number) for number in value]

    return check


_CHECKS: Mapping[str, Check] = {
    "color": _one_of("rgb", "bgr", "luma", "y", "yuv"),
    "dtype": _one_of("float32", "float16", "uint8"),
    "layout": _one_of("nchw", "nhwc"),
    "range": _one_of(1, 255),
    "size": _pair("width, height", _whole(1, 65536)),
    "fit": _one_of("stretch", "letterbox", "crop"),
    "batch": _whole(1, 1024),
    "window": _pair("frames before, frames after", _whole(0, 256)),
    "order": _one_of("any", "sequential"),
    "scale": _whole(1, 16),
    "rate": _whole(1, 16),
}


_OF_PROCESSORS = ("scale", "rate")


def check(argument: str, name: str, value: object) -> None:
    """Whether a decorator's argument may have a value; `name` is what messages call it."""
    _CHECKS[argument](name, value)


_NOT_OF_PLANES = ("dtype", "layout", "range", "size", "fit", "scale")


def check_together(owner: str, said: Mapping[str, object]) -> None:
    """Whether arguments go with one another; `owner` is what messages call whose they are: "@processor's"."""
    if said.get("dtype") == "uint8" and said.get("range", 255) != 255:
        raise ScriptError(f"{owner} range: of uint8 white is 255, found {said['range']!r}")
    fixed = [name for name in _NOT_OF_PLANES if name in said and said.get("color") == "yuv"]
    if fixed:
        raise ScriptError(
            f"{owner} {fixed[0]}: yuv planes come and go as the video has them, found {fixed[0]}={said[fixed[0]]!r}; "
            "leave it out, or declare rgb, bgr or luma"
        )


# Arguments that are settings of a model too, by their names there.
_KEYS: Mapping[str, str] = {
    **{name: f"input.{name}" for name in ("color", "layout", "range", "size", "fit")},
    **{name: name for name in ("window", "order", "batch")},
}


def marker(kind: Kind, said: Mapping[str, object]) -> Callable[[Entry], Entry]:
    """The decorator that gives an entry its Declaration."""

    def mark(target: Entry) -> Entry:
        if not callable(target) or not hasattr(target, "__dict__"):
            raise ScriptError(f"@{kind} stands before a function or class, found {target!r}")
        setattr(target, ATTRIBUTE, Declaration(kind, dict(said)))
        return target

    return mark


def _declare(kind: Kind, entry: object, said: Mapping[str, object]) -> Any:
    known = [name for name in _CHECKS if kind == "processor" or name not in _OF_PROCESSORS]
    for name, value in said.items():
        if name not in known:
            raise ScriptError(f"@{kind} has no argument {name}; it has {', '.join(known)}")
        check(name, f"@{kind}'s {name}", value)

    check_together(f"@{kind}'s", said)
    mark = marker(kind, said)
    # None: @processor(...), which is called with the function next.
    return mark if entry is None else mark(entry)  # type: ignore[type-var]


@overload
def processor(entry: Entry, /) -> Entry: ...
@overload
def processor(**said: Unpack[DeclaredProcessor]) -> Callable[[Entry], Entry]: ...
def processor(entry: object = None, /, **said: object) -> Any:
    """A function or class that makes pictures of frames. `@processor` or `@processor(color="rgb", scale=2)`."""
    return _declare("processor", entry, said)


@overload
def analyser(entry: Entry, /) -> Entry: ...
@overload
def analyser(**said: Unpack[Declared]) -> Callable[[Entry], Entry]: ...
def analyser(entry: object = None, /, **said: object) -> Any:
    """A function or class that says something about each frame: one object of JSON a frame."""
    return _declare("analyser", entry, said)


def engine_settings(declaration: Declaration) -> dict[str, str]:
    """What was said, as --set-model has it: {"input.color": "rgb", "window": "[1, 1]"}. Not all is: scale is not."""
    settings: dict[str, str] = {}
    for name, key in _KEYS.items():
        if name in declaration.said:
            value = "y" if declaration.said[name] == "luma" else declaration.said[name]
            settings[key] = value if isinstance(value, str) else json.dumps(value)
    if declaration.said.get("dtype") == "uint8":
        settings["input.range"] = "255"
    return settings
