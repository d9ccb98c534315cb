"""How a notebook shows a clip: a table, and one small frame."""

from __future__ import annotations

import base64
import html
import struct
import zlib
from typing import TYPE_CHECKING, Any

from millrace._errors import Error

if TYPE_CHECKING:
    from millrace._clip import Clip

_WIDEST = 320


def table(clip: Clip) -> str:
    rate = clip.frame_rate
    color = clip.colour
    lines = [
        ("file", clip.path),
        ("size", f"{clip.width} x {clip.height}"),
        ("frames", f"{len(clip)} in {clip.duration:.3f} s"),
        ("average rate", f"{float(rate):.3f} a second" if rate else "not said"),
        ("codec", f"{clip.codec}, {clip.pixel_format}"),
        ("colour", ", ".join(f"{value}" for value, _ in color.values())),
        ("device", clip.device),
    ]
    lines += [("fell back", line) for line in clip.fallbacks] + [("note", line) for line in clip.notes]
    facts = "".join(f"<tr><th>{name}</th><td>{html.escape(value)}</td></tr>" for name, value in lines)
    return f"<table>{facts}</table>{_picture(clip)}"


def _picture(clip: Clip) -> str:
    """Of the middle; nothing where it cannot be had."""
    width = min(_WIDEST, clip.width)
    size = (width, max(1, round(clip.height * width / clip.width)))
    try:
        import numpy

        with clip.again(size=size, fit="stretch", color="rgb", layout="nhwc", range=255, dtype="float32") as small:
            values = small[len(small) // 2 if not clip.one_segment_reason else 0].numpy()
    except (ImportError, Error):
        return ""
    pixels = numpy.clip(numpy.rint(values), 0, 255).astype(numpy.uint8)
    picture = base64.b64encode(png(pixels)).decode()
    return f'<img alt="a frame" src="data:image/png;base64,{picture}">'


def png(pixels: Any) -> bytes:
    """An array of uint8 [height, width, 3] as a file (PNG specification, sections 5, 9 and 11)."""
    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)  # each row begins with its filter: none
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits, RGB
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
