"""The footage: which frames train and which are held out, decoded to RGB, and put through blur, noise and H.264.

Decoding, scaling and coding are FFmpeg's (the binary of the `imageio-ffmpeg` package, so everybody runs the same one).
The source has no colour tags; at 1080 lines that means BT.709 in limited range, and zscale is told so.
"""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import numpy as np

FPS = 24
FRAMES = 720
# Four shots: 0-284 meadow, 285-377 brook, 378-552 bird, 553-719 burrow. The split falls between shots, so that a
# held-out frame is never a neighbour of a training frame. The sample clip is frames 480-599.
TRAIN = range(378)
HELD_OUT = range(378, 720)
SAMPLE = range(480, 600)
REAL_CUTS = (285, 378, 553)  # first frame of the new shot

YUV_TO_RGB = "matrixin=709:matrix=gbr:rangein=limited:range=full:dither=none"
KEEP_YUV = "matrixin=709:matrix=709:rangein=limited:range=limited:dither=none"


@dataclass(frozen=True)
class Damage:
    """What happens to a low-resolution sequence before a model sees it. blur: sigma in pixels of the high-resolution
    picture; noise: strength of FFmpeg's `noise` filter on all planes, different in every frame; crf: x264's, None for
    no coding; scaler: zscale's filter for the step down."""

    scaler: str = "bicubic"
    blur: float = 0.0
    noise: int = 0
    crf: int | None = None
    preset: str = "medium"


def _ffmpeg(arguments: list[str], data: bytes | None = None) -> bytes:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *(["-nostdin"] if data is None else []), *arguments]
    done = subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True)
    return done.stdout


def _clip(video: Path, frames: range) -> list[str]:
    # Half a frame early, so that times may round either way; the count ends the clip.
    begin = max(0.0, (frames.start - 0.5) / FPS)
    return ["-ss", f"{begin:.6f}", "-i", str(video), "-an", "-frames:v", str(len(frames))]


# Every frame once, whatever its time: FFmpeg's default repeats and drops frames to keep a rate.
EACH_FRAME = ["-fps_mode", "passthrough"]
RAW_RGB = [*EACH_FRAME, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]


def _as_frames(raw: bytes, size: tuple[int, int], count: int) -> np.ndarray:
    width, height = size
    pixels = np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)
    assert len(pixels) == count, f"expected {count} frames, got {len(pixels)}"
    return pixels


def decode(video: Path, frames: range, size: tuple[int, int], scaler: str = "lanczos") -> np.ndarray:
    """Frames as RGB, uint8 [F,H,W,3], scaled to `size` (width, height) and converted in one step."""
    chain = f"zscale=w={size[0]}:h={size[1]}:filter={scaler}:{YUV_TO_RGB},format=gbrp"
    raw = _ffmpeg([*_clip(video, frames), "-vf", chain, *RAW_RGB])
    return _as_frames(raw, size, len(frames))


def damaged(video: Path, frames: range, high: tuple[int, int], damage: Damage) -> np.ndarray:
    """The same frames at half of `high`, blurred, scaled down, made noisy and coded as 4:2:0; RGB uint8 [F,H/2,W/2,3].

    Everything happens in YUV, as it does to real video.
    """
    low = (high[0] // 2, high[1] // 2)
    chain = [f"zscale=w={high[0]}:h={high[1]}:filter=lanczos:{KEEP_YUV}", "format=yuv420p"]
    if damage.blur:
        chain.append(f"gblur=sigma={damage.blur}")
    chain += [f"zscale=w={low[0]}:h={low[1]}:filter={damage.scaler}:{KEEP_YUV}", "format=yuv420p"]
    if damage.noise:
        chain.append(f"noise=alls={damage.noise}:allf=t:all_seed=1")
    how = ["-c:v", "ffv1"]
    if damage.crf is not None:
        how = ["-c:v", "libx264", "-preset", damage.preset, "-crf", str(damage.crf)]
    coded = _ffmpeg(
        [*_clip(video, frames), "-vf", ",".join(chain), *EACH_FRAME, *how, "-threads", "2", "-f", "matroska", "-"]
    )
    raw = _ffmpeg(["-i", "-", "-vf", f"zscale={YUV_TO_RGB},format=gbrp", *RAW_RGB], coded)
    return _as_frames(raw, low, len(frames))


def decode_clip(clip: Path, size: tuple[int, int], count: int) -> np.ndarray:
    """A tagged BT.709 clip as RGB, uint8 [F,H,W,3]."""
    raw = _ffmpeg(["-i", str(clip), "-an", "-vf", f"zscale={YUV_TO_RGB},format=gbrp", *RAW_RGB])
    return _as_frames(raw, size, count)


def fingerprint(video: Path) -> str:
    """The start of the file's SHA-256, to say in a table which footage it was."""
    return hashlib.sha256(video.read_bytes()).hexdigest()[:16]
