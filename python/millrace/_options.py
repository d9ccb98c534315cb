"""Options of a job: the command line's long names with underscores, and how a Python value becomes such an option."""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypedDict

from millrace._rate import Rate, fraction

Path: TypeAlias = "str | bytes | os.PathLike[str] | os.PathLike[bytes]"
Time: TypeAlias = "float | str"  # seconds, or "1:30", "500ms"
Size: TypeAlias = "tuple[int, int] | str"  # (width, height), or "640x360"


class Options(TypedDict, total=False):
    """All of them may be left out; None is as good as leaving one out. docs/cli.md says more about each."""

    # Files
    overwrite: bool | None  # replace the output if it exists
    format: str | None  # container by FFmpeg's name
    fragmented: bool | None  # MP4 in fragments, playable while it grows
    work_folder: Path | None  # where finished segments wait; default: OUTPUT.millrace

    # Which frames
    start: Time | None
    duration: Time | None
    frames: int | None  # at most so many
    video_stream: int | str | None  # counted among video streams, from 0
    input_rate: Rate | None  # frames a second of an input without times: 25, "30000/1001"
    deinterlace: bool | None
    on_corrupt: Literal["conceal", "drop", "fail"] | None
    color_matrix: str | None  # where the stream is wrong or silent, as the next two
    color_range: Literal["limited", "full"] | None
    chroma_location: str | None
    decoder_threads: int | None

    # Encoding
    video_codec: str | None  # FFmpeg's name: "libx264"
    crf: float | None
    bit_rate: int | str | None  # bits a second, or "5M"
    preset: str | None
    pixel_format: str | None
    encoder_option: Mapping[str, str | float] | None
    threads: int | None  # inside one encoder
    pad: bool | None  # an odd size is made even by repeating the last column or row
    crop: bool | None  # or by dropping it
    no_audio: bool | None
    no_subtitles: bool | None

    # Model
    set_model: Mapping[str, str | float] | None  # settings of docs/models.md: {"output.kind": "data"}
    input_range: Literal[1, 255, "1", "255"] | None
    input_color: Literal["rgb", "bgr", "y"] | None
    input_size: Size | None
    fit: Literal["stretch", "letterbox", "crop"] | None
    tile: tuple[int, int, int] | str | None  # (width, height, overlap), or "256x256+16"
    window: tuple[int, int] | str | None  # frames before and after
    batch: int | None
    batch_timeout: Time | None
    model_threads: int | None
    model_workers: int | None
    precision: Literal["auto", "fp32", "tf32", "fp16"] | None  # what a GPU computes the model in
    fp16: bool | None  # precision="fp16"
    runtime: Literal["auto", "cuda", "fused", "tensorrt"] | None
    engine_cache: Path | None
    no_tune: bool | None  # without what millrace.tune() found
    ort_library: Path | None  # ONNX Runtime's library

    # Script
    script: Path | Sequence[Path] | None  # several: each takes what the one before made
    set: Mapping[str, str | float] | None  # its parameters
    python: Path | None  # its interpreter; default: this one
    script_workers: int | None
    script_timeout: Time | None

    # Running
    device: str | None  # "cpu", "cuda", "cuda:0,cuda:1"
    memory: int | str | None  # bytes, or "2G"
    gpu_memory: int | str | None
    lanes: int | None
    segment_length: Time | None
    restart: bool | None  # forget what an earlier, interrupted run finished
    strict: bool | None  # fail rather than fall back or lose anything
    trace: Path | None  # write a Chrome trace there


_TUPLES = {"input_size": "{}x{}", "tile": "{}x{}+{}", "window": "{},{}"}


def arguments(command: str, options: Mapping[str, Any]) -> list[bytes]:
    """The command line that asks for `options`: {"input": "a.mp4", "crf": 20} as --input=a.mp4 --crf=20."""
    words = [os.fsencode(command)]
    for name, value in options.items():
        spelled = b"--" + name.replace("_", "-").encode()
        if value is True:
            words.append(spelled)
        elif value is not None and value is not False:
            words += [spelled + b"=" + text for text in _texts(name, value)]
    return words


def check_names(function: str, options: Mapping[str, Any], known: Collection[str] = Options.__annotations__) -> None:
    """A keyword argument that no option has is a TypeError, as of any function."""
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            advice = f"; did you mean '{near[0]}'?" if near else ""
            raise TypeError(f"{function}() got an unexpected keyword argument '{name}'{advice}")


def _texts(name: str, value: Any) -> list[bytes]:
    if isinstance(value, Mapping):
        return [os.fsencode(f"{key}={entry}") for key, entry in value.items()]
    if name == "video_stream" and isinstance(value, int):
        return [b"v:%d" % value]
    if name == "input_rate":
        return [str(fraction(name, value)).encode()]
    if isinstance(value, tuple) and len(value) == _TUPLES.get(name, "").count("{}"):
        return [_TUPLES[name].format(*value).encode()]
    if isinstance(value, (str, bytes, os.PathLike)):
        return [os.fsencode(value)]
    if isinstance(value, float):  # no exponent: the command line reads digits
        return [f"{value:.6f}".rstrip("0").rstrip(".").encode()]
    if isinstance(value, (list, tuple)):
        return [text for one in value for text in _texts(name, one)]
    return [str(value).encode()]
