"""A video file as frames: in order, or any of them."""

from __future__ import annotations

import atexit
import bisect
import operator
import os
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypedDict, overload

from millrace import _clip_html, _engine
from millrace._batch import Batch, Shared
from millrace._declare import Declaration, ScriptError, check, check_together, engine_settings
from millrace._errors import RefusedError, UsageError
from millrace._not_array import no_array
from millrace._options import Path, Time, arguments, check_names
from millrace._rate import Rate

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Unpack


class ReadOptions(TypedDict, total=False):
    """How frames come, and which. All may be left out, and None is as good. docs/reading.md says more about each."""

    device: str | None  # "cpu", "cuda", "cuda:1"
    batch: int | None  # frames at a time, in order

    # What tensors are like: as @processor has it
    color: Literal["rgb", "bgr", "luma", "y", "yuv"] | None
    dtype: Literal["float32", "float16"] | None
    layout: Literal["nchw", "nhwc"] | None
    range: Literal[1, 255] | None  # what white is
    size: tuple[int, int] | None  # width, height
    fit: Literal["stretch", "letterbox", "crop"] | None

    # Which frames: as millrace.run has it
    start: Time | None
    duration: Time | None
    frames: int | None
    video_stream: int | str | None
    input_rate: Rate | None
    deinterlace: bool | None
    on_corrupt: Literal["conceal", "drop", "fail"] | None
    color_matrix: str | None
    color_range: Literal["limited", "full"] | None
    chroma_location: str | None
    decoder_threads: int | None

    # Running
    strict: bool | None
    memory: int | str | None
    gpu_memory: int | str | None
    lanes: int | None


_TENSORS = ("batch", "color", "dtype", "layout", "range", "size", "fit")


@no_array(
    "Frame",
    "frame.numpy(), .torch(), .jax() or .to_tf()",
    "frame.torch(), .cupy(), .jax() or .to_tf()",
    "frame.torch()",
)
@dataclass(frozen=True)
class Frame(Shared):
    """One frame of a clip."""

    tensor: _engine.FrameTensor  # [C, H, W] or [H, W, C]; yuv planes as a script gets them
    index: int  # in the clip
    pts: int  # in ticks of the stream's time base
    seconds: float  # the same in seconds

    def frames_tensor(self) -> _engine.FrameTensor:
        return self.tensor


@dataclass(frozen=True)
class Losses:
    """What was not as it should be in the frames that an iteration read. Times are pts."""

    corrupt_pts: Sequence[int]  # damaged, kept as the decoder concealed them
    dropped_pts: Sequence[int]  # damaged, left out by on_corrupt="drop"
    missing_pts: Sequence[int]  # never decoded
    decode_errors: int  # packets that the decoder rejected
    retimed: int  # frames without a usable pts, given one
    reshaped: int  # frames of another size or format than the stream began with

    def __bool__(self) -> bool:
        return any(vars(self).values())


_open_clips: weakref.WeakSet[Clip] = weakref.WeakSet()


class Clip:
    """Frames by index, by time and in order, each as a model or script of `millrace.run` gets it.

    `for batch in clip` decodes ahead in threads of the engine. `clip[i]`, `clip[a:b]`, `clip.frames([...])` and
    `clip.at(seconds)` decode what they need. Frames are counted in the order of presentation, as displayed.
    """

    def __init__(self, path: Path, **options: Unpack[ReadOptions]) -> None:
        said = {name: value for name, value in options.items() if value is not None}
        check_names("read", options, ReadOptions.__annotations__)
        self._path = path
        self._said = said
        self._strict = bool(said.get("strict"))
        self._losses: Losses | None = None
        self._reader = _engine.ClipReader(*_request(path, said))
        self._info: Mapping[str, Any] = self._reader.info()
        _open_clips.add(self)
        if self._strict and self.fallbacks:
            self.close()
            raise RefusedError(f"{self.path}: refused by strict=True: {self.fallbacks[0]}")

    # What it is

    @property
    def path(self) -> str:
        return os.fsdecode(self._path)

    @property
    def width(self) -> int:
        """Of the video; a tensor's is in `frame_size`."""
        return int(self._info["width"])

    @property
    def height(self) -> int:
        return int(self._info["height"])

    @property
    def frame_size(self) -> tuple[int, int]:
        """Width and height of the tensors."""
        width, height = self._info["frame_size"]
        return width, height

    @property
    def frame_rate(self) -> Fraction | None:
        """The average as the container says it; None: it does not."""
        rate = self._info["frame_rate"]
        return Fraction(*rate) if rate[0] > 0 and rate[1] > 0 else None

    @property
    def time_base(self) -> Fraction:
        """Seconds a tick of pts."""
        return Fraction(*self._info["time_base"])

    @property
    def codec(self) -> str:
        return str(self._info["codec"])

    @property
    def pixel_format(self) -> str:
        """As coded, FFmpeg's name."""
        return str(self._info["pixel_format"])

    @property
    def rotation(self) -> float:
        """Degrees clockwise that a player turns it by; frames come as they are coded."""
        return float(self._info["rotation"])

    @property
    def colour(self) -> dict[str, tuple[str, str]]:
        """matrix, range, primaries, transfer, chroma_location: what is taken, and from where (stream, rule, user)."""
        return dict(self._info["color"])

    color = colour

    @property
    def device(self) -> str:
        return str(self._info["device"])

    @property
    def fallbacks(self) -> list[str]:
        """What is done in a lesser way, as in a run's report; strict=True makes errors of them."""
        return list(self._info["fallbacks"])

    @property
    def notes(self) -> list[str]:
        return list(self._info["notes"])

    @property
    def one_segment_reason(self) -> str:
        """Why a frame is found by decoding all before it; empty where the file has an index."""
        return str(self._info["one_segment_reason"])

    @cached_property
    def _times(self) -> tuple[list[int], int]:
        return self._reader.times()

    @property
    def pts(self) -> list[int]:
        """Of every frame, exactly."""
        return list(self._times[0])

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the end of the last."""
        pts, end = self._times
        return float((end - pts[0]) * self.time_base)

    @property
    def losses(self) -> Losses | None:
        """Of the last iteration that went to the clip's end. None: there was none."""
        return self._losses

    # Frames

    def __len__(self) -> int:
        return len(self._times[0])

    def __iter__(self) -> Iterator[Batch]:
        stream = self._reader.stream()
        try:
            while (made := stream.next()) is not None:
                yield self._batch(*made)
            self._losses = Losses(**stream.losses())
            if self._strict and self._losses:
                raise RefusedError(f"{self.path}: refused by strict=True: {self._losses}")
        finally:
            stream.close()

    @overload
    def __getitem__(self, index: int) -> Frame: ...
    @overload
    def __getitem__(self, index: slice) -> Batch: ...
    def __getitem__(self, index: Any) -> Frame | Batch:
        if isinstance(index, slice):
            return self._batch(*self._reader.frames(list(range(*index.indices(len(self))))))
        return self._frame(self._number(index))

    def frames(self, indices: Sequence[int]) -> Batch:
        """These frames in this order, decoded in the cheapest one."""
        return self._batch(*self._reader.frames([self._number(index) for index in indices]))

    def index_at(self, seconds: float | Fraction) -> int:
        """The last frame that begins at or before a time, counted from the first frame. IndexError outside."""
        pts, end = self._times
        exact = Fraction(seconds) if isinstance(seconds, (int, Fraction)) else _fraction(float(seconds))
        tick = pts[0] + round(exact / self.time_base)
        if not pts[0] <= tick < end:
            raise IndexError(f"{self.path}: {seconds} s is outside: the clip is from 0 to {self.duration:.6g} s")
        return bisect.bisect_right(pts, tick) - 1

    def at(self, seconds: float | Fraction) -> Frame:
        """The frame that is shown at a time, counted from the first frame and snapped to the tick."""
        return self._frame(self.index_at(seconds))

    def _number(self, index: Any) -> int:
        asked = operator.index(index)
        number = asked + len(self) if asked < 0 else asked
        if not 0 <= number < len(self):
            raise IndexError(f"{self.path}: frame {asked} is outside: the clip has {len(self)} frames")
        return number

    def _frame(self, number: int) -> Frame:
        tensor, pts, seconds = self._reader.frame(number)
        return Frame(tensor, number, pts, seconds)

    def _batch(
        self, tensor: _engine.FrameTensor, numbers: tuple[int, ...], pts: tuple[int, ...], seconds: tuple[float, ...]
    ) -> Batch:
        planes = str(self._info["planes"])
        return Batch(tensor, numbers, pts, seconds, (0,) * len(numbers), (), pixel_format=planes)

    def again(self, **options: Unpack[ReadOptions]) -> Clip:
        """The same file and options once more, but for these."""
        return _opened(self._path, {**self._said, **options})

    # Life

    def close(self) -> None:
        """Stops iterations and lets the file go. What was read stays."""
        self._reader.close()

    def __enter__(self) -> Clip:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process opens the file for itself."""
        return _opened, (self._path, self._said)

    def __repr__(self) -> str:
        return f"<millrace.Clip {self.path!r}: {self.width}x{self.height} {self.codec} on {self.device}>"

    def _repr_html_(self) -> str:
        """For notebooks: what it is, and one frame."""
        return _clip_html.table(self)


def read(path: Path, **options: Unpack[ReadOptions]) -> Clip:
    """Opens a video file, whose frames can be iterated over in batches, and had by index and by time.

    Frames come as a model or script of `millrace.run` gets them; the options are those of ReadOptions. Raises
    millrace.Error.
    """
    return Clip(path, **options)


def _opened(path: Path, options: Any) -> Clip:
    return Clip(path, **options)


def _request(path: Path, said: Mapping[str, Any]) -> tuple[list[bytes], dict[str, str], str, int]:
    """For the engine: words of the command line, settings of tensors, their dtype, frames a batch."""
    tensors = {name: said[name] for name in _TENSORS if name in said}
    try:
        for name, value in tensors.items():
            check(name, f"read()'s {name}", value)
        check_together("read()'s", tensors)
    except ScriptError as error:
        raise UsageError(str(error)) from None
    others = {name: value for name, value in said.items() if name not in _TENSORS and name != "strict"}
    settings = engine_settings(Declaration("analyser", tensors))
    settings.pop("batch", None)
    words = arguments("probe", {"input": path, **others})
    return words, settings, str(tensors.get("dtype", "float32")), int(tensors.get("batch", 1))


def _fraction(seconds: float) -> Fraction:
    if seconds in (float("inf"), float("-inf")):
        raise IndexError(f"{seconds} s is outside of every clip")
    return Fraction(seconds)


@atexit.register
def _close_all() -> None:
    """Threads of the engine end before the interpreter does."""
    for clip in list(_open_clips):
        clip.close()
