"""Video that a program makes: frames in, a file out."""

from __future__ import annotations

import json
import os
import sys
import warnings
import weakref
from collections.abc import Sequence
from fractions import Fraction
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from millrace import _engine
from millrace._errors import UsageError
from millrace._options import Path, Time, arguments, check_names
from millrace._rate import Rate, fraction
from millrace._report import Report, report_from_json

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

_MOST_SIDE = 65536
_MATRICES = {0: "identity", 1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020nc"}


class WriterOptions(TypedDict, total=False):
    """As of millrace.run, of the same names: docs/cli.md. None is as good as leaving one out."""

    overwrite: bool | None
    format: str | None
    fragmented: bool | None
    work_folder: Path | None
    video_codec: str | None
    crf: float | None
    bit_rate: int | str | None
    preset: str | None
    pixel_format: str | None
    encoder_option: dict[str, str | float] | None
    threads: int | None
    crop: bool | None
    memory: int | str | None
    lanes: int | None  # encoders side by side, at most
    segment_length: Time | None
    restart: bool | None
    strict: bool | None


class Writer:
    """A video file made of frames that are handed over: of numpy, torch, cupy, by DLPack or the buffer protocol.

    with millrace.Writer("out.mp4", width=1280, height=720, frame_rate=30) as writer:
        for frame in frames:  # float32 [3, 720, 1280], 0 to 1
            writer.write(frame)

    docs/writing.md says what each argument is. Not for several threads at once. Raises millrace.Error.
    """

    def __init__(
        self,
        path: Path,
        *,
        width: int,
        height: int,
        frame_rate: Rate,
        time_base: Fraction | str | None = None,
        color: Literal["rgb", "bgr", "luma"] = "rgb",
        dtype: Literal["float32", "float16", "uint8"] = "float32",
        layout: Literal["nchw", "nhwc"] = "nchw",
        range: Literal[1, 255] | None = None,  # noqa: A002  # the word of scripts
        device: str = "cpu",
        color_matrix: str | int | None = None,
        color_range: Literal["limited", "full"] | None = None,
        chroma_location: str | None = None,
        color_primaries: str | int | None = None,
        color_transfer: str | int | None = None,
        **options: Unpack[WriterOptions],
    ) -> None:
        own = [name for name in Writer.__init__.__annotations__ if name not in ("path", "options", "return")]
        check_names("Writer", options, [*own, *WriterOptions.__annotations__])
        declaration = frame_declaration(
            width, height, frame_rate, time_base, color=color, dtype=dtype, layout=layout, range=range
        )
        declaration["primaries"] = "" if color_primaries is None else str(color_primaries)
        declaration["transfer"] = "" if color_transfer is None else str(color_transfer)
        matrix = _MATRICES.get(color_matrix, color_matrix) if isinstance(color_matrix, int) else color_matrix
        said: dict[str, Any] = {"color_matrix": matrix, "color_range": color_range, "chroma_location": chroma_location}
        asked: dict[str, Any] = {"input": "-", "output": path, "device": device, **said, **options}
        self._path = os.fsdecode(path)
        self._frame_rate = rate = Fraction(*declaration["frame_rate"])
        ticks = declaration["time_base"]
        self._time_base = Fraction(*ticks) if ticks else Fraction(1, rate.numerator)
        self._report: Report | None = None
        self._closed = True  # what cannot be opened needs no warning
        self._engine = _engine.Writer(arguments("run", asked), json.dumps(declaration))
        self._closed = False
        # Also at the end of the interpreter, whose threads must not outlive it.
        self._abort = weakref.finalize(self, _abort, self._engine, os.getpid())

    @property
    def frames_done(self) -> int:
        """So many frames, from the first on, an earlier Writer of this output left safely on disk; all, once closed."""
        return self._report.frames.muxed if self._report is not None else self._engine.frames_done

    @property
    def next_frame(self) -> int:
        """The number of the frame that comes next, from 0."""
        return self._engine.next_frame

    @property
    def frame_rate(self) -> Fraction:
        """Frames a second, exactly."""
        return self._frame_rate

    @property
    def time_base(self) -> Fraction:
        """Seconds a tick, exactly: what `pts` counts in."""
        return self._time_base

    @property
    def report(self) -> Report:
        """What was done, once the file is there."""
        if self._report is None:
            raise UsageError(f"{self._path}: there is no report before close()")
        return self._report

    def start_at(self, frame: int) -> None:
        """Go on from `frame`, at most `frames_done`. Without it those that are on disk are passed over."""
        self._engine.start_at(frame)

    def write(self, frames: Any, *, pts: int | Sequence[int] | None = None, stream: Any = None) -> None:
        """Hand over one frame, or a batch of them. On the host their memory is free when this returns.

        Blocks while the encoders are behind. `pts`, with `time_base=` alone, has the time of each frame. On a GPU
        `stream` (a number, or an object of torch or cupy) is the one that goes on to use the frames' memory: it waits
        until they were read. Without it that is torch's or cupy's current stream; for others the calling thread waits.
        """
        if self._closed:
            raise UsageError(f"{self._path}: was closed; it takes no more frames")
        times = [pts] if isinstance(pts, int) else None if pts is None else [int(one) for one in pts]
        self._engine.write(frames, times, stream_of(frames, stream))

    def close(self) -> Report:
        """Wait until the file is in its place. Raises what went wrong; a second call does nothing."""
        if self._report is not None:
            return self._report
        self._closed = True
        try:
            self._engine.close()
        except BaseException:
            self.abort()
            raise
        self._report = report_from_json(self._engine.report())
        self._abort.detach()
        return self._report

    def abort(self) -> None:
        """Stop. There is no file; finished segments stay for a later Writer. After close() it does nothing."""
        self._closed = True
        self._abort()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            warnings.warn(f"{self._path}: its Writer was never closed; there is no file", ResourceWarning, stacklevel=2)

    def __repr__(self) -> str:
        return f"<millrace.Writer {self._path!r}{' closed' if self._closed else ''}>"


def _abort(engine: _engine.Writer, pid: int) -> None:
    if os.getpid() != pid:
        return
    engine.abort()
    while not engine.wait(0.1):
        pass


def stream_of(frames: object, stream: object) -> int | None:
    """The stream that goes on with the frames' memory, as a number; None: nobody knows."""
    if stream is None:
        library = type(frames).__module__.partition(".")[0]
        module: Any = sys.modules.get(library)
        if library == "torch" and getattr(frames, "is_cuda", False):
            stream = module.cuda.current_stream(getattr(frames, "device", None))
        elif library == "cupy":
            stream = module.cuda.get_current_stream()
    if stream is None or isinstance(stream, int):
        return stream
    for name in ("cuda_stream", "ptr"):  # torch's, cupy's
        if isinstance(number := getattr(stream, name, None), int):
            return number
    raise UsageError(f"stream: expected a number, or a stream of torch or cupy, found {type(stream).__name__}")


def frame_declaration(
    width: object,
    height: object,
    frame_rate: object,
    time_base: object = None,
    *,
    color: str = "rgb",
    dtype: str = "float32",
    layout: str = "nchw",
    range: object = None,  # noqa: A002
) -> dict[str, Any]:
    """What frames are, checked, for the engine. Raises UsageError."""
    _check_words(color=color, dtype=dtype, layout=layout)
    return {
        "width": _side("width", width),
        "height": _side("height", height),
        "frame_rate": fraction("frame_rate", frame_rate).as_integer_ratio(),
        "time_base": None if time_base is None else fraction("time_base", time_base).as_integer_ratio(),
        "color": color,
        "dtype": dtype,
        "layout": layout,
        "range": _white(range, dtype),
        "primaries": "",
        "transfer": "",
    }


def _check_words(**words: object) -> None:
    known = {"color": ("rgb", "bgr", "luma"), "dtype": ("float32", "float16", "uint8"), "layout": ("nchw", "nhwc")}
    for name, word in words.items():
        if word not in known[name]:
            raise UsageError(f"{name}: expected {', '.join(known[name])}, found {word!r}")


def _side(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST_SIDE:
        raise UsageError(f"{name}: expected a whole number from 1 to {_MOST_SIDE}, found {value!r}")
    return value


def _white(value: object, dtype: str) -> int:
    if value is None:
        return 255 if dtype == "uint8" else 1
    if isinstance(value, bool) or value not in (1, 255):
        raise UsageError(f"range: expected 1 or 255, found {value!r}")
    if dtype == "uint8" and value != 255:
        raise UsageError("range: uint8 frames go from 0 to 255; leave it out, or hand over floats")
    return 255 if value == 255 else 1
