"""@generator: a function or class that makes the frames of a video. What it is given is checked where it stands."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from millrace._declare import Declaration, Entry, ScriptError, marker
from millrace._errors import UsageError
from millrace._parameters import Parameter
from millrace._rate import Rate
from millrace._writer import frame_declaration

if TYPE_CHECKING:
    from typing_extensions import Unpack

_EXAMPLE = "@generator(size=(1280, 720), frame_rate=25)"
START = "start"  # the keyword with which a restarted run says where to begin


class Video(TypedDict):
    """What has no default."""

    size: tuple[int, int]  # width, height
    frame_rate: Rate


class DeclaredGenerator(Video, total=False):
    """The words of millrace.Writer."""

    time_base: Fraction | str  # seconds a tick: every frame then comes with its time, as (frame, pts)
    color: Literal["rgb", "bgr", "luma"]
    dtype: Literal["float32", "float16", "uint8"]
    layout: Literal["nchw", "nhwc"]
    range: Literal[1, 255]  # what white is
    frames: int | str  # how many come, or the name of the parameter that says so


def generator(**said: Unpack[DeclaredGenerator]) -> Callable[[Entry], Entry]:
    """A function or class that yields frames, which are encoded. `@generator(size=(1280, 720), frame_rate=25)`."""
    return _declare(said)


def _declare(said: Mapping[str, Any]) -> Callable[[Entry], Entry]:
    known = [*Video.__annotations__, *(name for name in DeclaredGenerator.__annotations__ if name not in _REQUIRED)]
    for name in said:
        if name not in known:
            raise ScriptError(f"@generator has no argument {name}; it has {', '.join(known)}")
    for name in _REQUIRED:
        if name not in said:
            raise ScriptError(f"@generator has no {name}; what the video is must be said first: {_EXAMPLE}")
    declared = {"declaration": _declaration(said), "frames": _frames(said.get("frames"))}
    return marker("generator", {**said, **declared})


_REQUIRED = tuple(Video.__annotations__)


def _declaration(said: Mapping[str, Any]) -> dict[str, Any]:
    """For the engine's Writer."""
    size = said["size"]
    if not isinstance(size, (tuple, list)) or len(size) != 2:
        raise ScriptError(f"@generator's size: expected two numbers (width, height), found {size!r}")
    words = {name: said[name] for name in ("color", "dtype", "layout", "range") if name in said}
    try:
        return frame_declaration(size[0], size[1], said["frame_rate"], said.get("time_base"), **words)
    except UsageError as error:
        raise ScriptError(f"@generator's {error}") from None


def _frames(value: object) -> object:
    if value is None or isinstance(value, str) or (type(value) is int and value > 0):
        return value
    raise ScriptError(
        f"@generator's frames: expected a whole number from 1 or the name of a parameter, found {value!r}"
    )


def signature_error(entry: type) -> str | None:
    """What is wrong with the arguments of a class's __call__; None: nothing."""
    wanted = {START: 0} if takes_start(entry) else {}
    try:
        inspect.signature(entry.__call__).bind(entry, **wanted)
    except TypeError as error:
        return f"{entry.__name__}.__call__ is called as __call__(self) or __call__(self, start=0): {error}"
    return None


def takes_start(entry: Any) -> bool:
    """Whether an entry is told where to begin."""
    return START in inspect.signature(entry.__call__ if inspect.isclass(entry) else entry).parameters


def without_start(parameters: list[Parameter]) -> list[Parameter]:
    """The parameters of a function that are set with --set."""
    for parameter in parameters:
        if parameter.name == START and parameter.type is not int:
            raise ScriptError(f"{START} is the number of the first frame; write {START}: int = 0")
    return [parameter for parameter in parameters if parameter.name != START]


def described(entry: Any, declaration: Declaration, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What a generator's description has beside that of other kinds."""
    frames = declaration.said["frames"]
    if isinstance(frames, str):
        if frames not in parameters:
            raise ScriptError(f"@generator's frames: no parameter is called {frames!r}; name one, or give a number")
        name, frames = frames, parameters[frames]
        if frames is not None and (type(frames) is not int or frames < 1):
            raise ScriptError(
                f"@generator's frames: {name} is {frames!r}; expected a whole number from 1", code="usage"
            )
    return {"frames": frames, "takes_start": takes_start(entry), "declaration": declaration.said["declaration"]}


def picture_of(declaration: Mapping[str, Any], scale: int = 1) -> tuple[int, ...]:
    """The shape of a frame, or of what scripts behind made of it, so many times as wide and high."""
    channels = 1 if declaration["color"] == "luma" else 3
    extents = (declaration["height"] * scale, declaration["width"] * scale)
    return (channels, *extents) if declaration["layout"] == "nchw" else (*extents, channels)
