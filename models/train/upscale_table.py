"""Measure an x2 model with ONNX Runtime on held-out frames, against bicubic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch.nn import functional

from . import footage
from .footage import Damage

FULL_SIZE, TABLE_SIZE = (1920, 1080), (1280, 720)
BORDER = 8  # pixels left out on each side when measuring


def psnr(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """PSNR of two uint8 RGB frames without BORDER: over R, G, B together, and over BT.709 luma (full range)."""
    cut = (slice(BORDER, -BORDER), slice(BORDER, -BORDER))
    error = a[cut].astype(np.float64) - b[cut].astype(np.float64)
    luma = error @ np.array([0.2126, 0.7152, 0.0722])
    return tuple(float(10 * np.log10(255**2 / max(np.mean(e * e), 1e-10))) for e in (error, luma))


def bicubic(frame: np.ndarray, a: float) -> np.ndarray:
    """Bicubic x2 of a uint8 RGB frame, rounded to 8 bits: a = -0.5 (Pillow, MATLAB), a = -0.75 (OpenCV, PyTorch)."""
    x = torch.from_numpy(frame.copy()).permute(2, 0, 1)[None].double()
    y = functional.interpolate(x, scale_factor=2, mode="bicubic", align_corners=False, antialias=a == -0.5)
    return y[0].permute(1, 2, 0).round().clamp(0, 255).byte().numpy()


def run_model(session: onnxruntime.InferenceSession, frame: np.ndarray) -> np.ndarray:
    x = np.ascontiguousarray(frame.transpose(2, 0, 1)[None].astype(np.float32) / 255)
    y = session.run(None, {"input": x})[0][0].transpose(1, 2, 0)
    return np.clip(np.round(y * 255), 0, 255).astype(np.uint8)


def clean_half(high: np.ndarray) -> np.ndarray:
    """Half size by antialiased bicubic (a = -0.5) in RGB, rounded to 8 bits: the usual clean test."""
    x = torch.from_numpy(high.copy()).permute(0, 3, 1, 2).double()
    y = torch.cat([functional.interpolate(f[None], scale_factor=0.5, mode="bicubic", antialias=True) for f in x])
    return y.round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()


def cases(video: Path, clip: Path | None, stride: int) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """(name, inputs, references) for the table, on every `stride`-th held-out frame."""
    held, size = footage.HELD_OUT, TABLE_SIZE
    high = footage.decode(video, held, size)
    full = footage.decode(video, held, FULL_SIZE)[::stride]
    pick = high[::stride]
    rows = [
        ("clean: bicubic down from 1280x720", clean_half(pick), pick),
        ("clean: bicubic down from 1920x1080", clean_half(full), full),
    ]
    for name, damage in [
        ("4:2:0 alone, no coding (Lanczos down)", Damage("lanczos")),
        ("H.264 crf 18 (Lanczos down)", Damage("lanczos", crf=18)),
        ("H.264 crf 23 (bicubic down)", Damage("bicubic", crf=23)),
        ("H.264 crf 28 (bicubic down)", Damage("bicubic", crf=28)),
        ("blur 0.8, bicubic down, noise 6, H.264 crf 23", Damage("bicubic", 0.8, 6, 23)),
    ]:
        rows.append((name, footage.damaged(video, held, size, damage)[::stride], pick))
    if clip:
        frames = footage.decode_clip(clip, (640, 360), len(footage.SAMPLE))
        first = footage.SAMPLE.start - held.start
        rows.append(("the sample clip", frames[::stride], high[first : first + len(frames)][::stride]))
    return rows


def measure(model: Path, video: Path, clip: Path | None, stride: int, threads: int) -> list[dict]:
    """Rows of the table: mean PSNR over the frames, model against the better of the two bicubics."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    rows = []
    for name, low, high in cases(video, clip, stride):
        ours, soft, sharp = (
            np.mean([psnr(up(frame), truth) for frame, truth in zip(low, high, strict=True)], axis=0)
            for up in (lambda f: run_model(session, f), lambda f: bicubic(f, -0.5), lambda f: bicubic(f, -0.75))
        )
        best = max((soft, sharp), key=lambda p: p[0])
        rows.append(
            {
                "case": name,
                "frames": len(low),
                "bicubic_rgb": best[0],
                "model_rgb": ours[0],
                "gain_rgb": ours[0] - best[0],
                "bicubic_y": best[1],
                "model_y": ours[1],
                "gain_y": ours[1] - best[1],
            }
        )
    return rows


def as_table(rows: list[dict]) -> str:
    lines = [
        "| input | frames | bicubic RGB | model RGB | gain | bicubic Y | model Y | gain |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for r in rows:
        lines.append(
            f"| {r['case']} | {r['frames']} | {r['bicubic_rgb']:.2f} | {r['model_rgb']:.2f} | "
            f"**{r['gain_rgb']:+.2f}** | {r['bicubic_y']:.2f} | {r['model_y']:.2f} | {r['gain_y']:+.2f} |"
        )
    return "\n".join(lines)
