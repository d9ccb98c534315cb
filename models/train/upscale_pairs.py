"""Pairs of small and large patches to train x2 super-resolution on, coded by FFmpeg or made small on the GPU."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from . import footage
from .footage import Damage
from .upscale_network import RADIUS

SEED = 20261120
PATCH = 64  # of the input, without the border that the convolutions eat
GROUP = 16  # patches of one kind in a batch; a batch is four groups
SIZES = [(1920, 1080), (1280, 720), (960, 540)]  # of the high-resolution picture


def coded_recipes() -> list[tuple[tuple[int, int], Damage]]:
    """Sequences that go through FFmpeg: real scalers, blur, noise, and H.264 from fine to poor."""
    scalers = ["bicubic", "lanczos", "bilinear", "spline36", "spline16"]
    recipes = []
    for i, crf in enumerate([12, 16, 18, 20, 22, 24, 26, 28, 31]):
        for j, size in enumerate(SIZES):
            blur = [0.0, 0.0, 0.6, 0.9][(i + j) % 4]
            noise = [0, 0, 4, 0, 8][(i + 2 * j) % 5]
            recipes.append((size, Damage(scalers[(i + j) % 5], blur, noise, crf, ["medium", "veryfast"][i % 2])))
    recipes += [(size, Damage("bicubic")) for size in SIZES]  # 4:2:0 alone, no coding
    return recipes


def bt709() -> torch.Tensor:
    """R'G'B' to Y'CbCr, ITU-R BT.709-6, items 3.2 and 3.3; float64 [3,3]."""
    luma = torch.tensor([0.2126, 0.7152, 0.0722], dtype=torch.float64)
    red, _, blue = torch.eye(3, dtype=torch.float64)
    return torch.stack([luma, (blue - luma) / 1.8556, (red - luma) / 1.5748])


class Pairs:
    """Draws batches of (input, target) on the GPU: half from coded sequences, half degraded on the fly."""

    def __init__(self, video: Path, device: str, frames: range, recipes: list, workers: int):
        self.device = device
        with ThreadPoolExecutor(workers) as pool:
            high = {size: pool.submit(footage.decode, video, frames, size) for size in SIZES}
            low = [(size, pool.submit(footage.damaged, video, frames, size, damage)) for size, damage in recipes]
            self.high = {size: torch.from_numpy(job.result().copy()).to(device) for size, job in high.items()}
            self.low = [(size, torch.from_numpy(job.result().copy()).to(device)) for size, job in low]
        self.random = np.random.default_rng(SEED)
        self.gpu_random = torch.Generator(device).manual_seed(SEED)
        to_ycc = bt709()
        from_ycc = torch.linalg.inv(to_ycc)
        self.grey = (from_ycc[:, :1] @ to_ycc[:1]).float().to(device)
        self.to_chroma, self.from_chroma = to_ycc[1:].float().to(device), from_ycc[:, 1:].float().to(device)

    def _uniform(self, *shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=self.gpu_random, device=self.device)

    def _cut(self, frames: torch.Tensor, which, top, left, side: int) -> torch.Tensor:
        rows = top[:, None] + torch.arange(side, device=self.device)
        columns = left[:, None] + torch.arange(side, device=self.device)
        return frames[which[:, None, None], rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).float() / 255

    def _places(self, frames: torch.Tensor, side: int, count: int):
        count_frames, height, width, _ = frames.shape
        draw = self._uniform(3, count)
        limits = torch.tensor([count_frames, height - side + 1, width - side + 1], device=self.device)
        return (draw * limits[:, None]).long()

    def _from_coded(self, count: int):
        size, low = self.low[self.random.integers(len(self.low))]
        side = PATCH + 2 * RADIUS
        which, top, left = self._places(low, side, count)
        source = self._cut(low, which, top, left, side)
        target = self._cut(self.high[size], which, (top + RADIUS) * 2, (left + RADIUS) * 2, PATCH * 2)
        return source, target

    def _from_clean(self, count: int):
        margin = 2 * RADIUS + 16
        size = SIZES[self.random.integers(len(SIZES))]
        which, top, left = self._places(self.high[size], 2 * PATCH + 2 * margin, count)
        wide = self._cut(self.high[size], which, top, left, 2 * PATCH + 2 * margin)
        gamma = torch.exp(0.5 * (self._uniform(count, 1, 1, 1) - 0.5))
        gain = 0.7 + 0.3 * self._uniform(count, 3, 1, 1)
        wide = torch.where(self._uniform(count, 1, 1, 1) < 0.5, wide, (wide.clamp_min(1e-4) ** gamma) * gain)
        target = wide[..., margin:-margin, margin:-margin]
        taps = torch.tensor(down_taps(self.random), dtype=torch.float32, device=self.device)
        source = shrink(wide, taps)
        extra = (source.shape[-1] - PATCH - 2 * RADIUS) // 2
        source = source[..., extra:-extra, extra:-extra] if extra else source
        sigma = self._uniform(count, 1, 1, 1) * 8 / 255 * (self._uniform(count, 1, 1, 1) < 0.3)
        noise = torch.randn(source.shape, generator=self.gpu_random, device=self.device)
        return (source + sigma * noise).clamp(0, 1).mul(255).round().div(255), target

    def batch(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Four groups of GROUP pairs: two coded, each from a sequence of its own, and two degraded on the fly."""
        makers = [self._from_coded, self._from_coded, self._from_clean, self._from_clean]
        groups = [self._other_hues(*make(GROUP)) for make in makers]
        quarter, flip = int(self.random.integers(4)), bool(self.random.integers(2))
        return tuple(turn(torch.cat(parts), quarter, flip) for parts in zip(*groups, strict=True))

    def _other_hues(self, source: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Turns the colours of half of the pairs about the grey axis, fading them a little. Luma stays what it was, so
        that chroma still is what 4:2:0 halved and H.264 coded most coarsely; swapping R, G and B would hide it."""
        count = len(source)
        angle = 2 * torch.pi * self._uniform(count) * (self._uniform(count) < 0.5)
        fade = torch.where(angle > 0, 0.5 + 0.5 * self._uniform(count), 1)
        cosine, sine = fade * torch.cos(angle), fade * torch.sin(angle)
        chroma = torch.stack([torch.stack([cosine, -sine], 1), torch.stack([sine, cosine], 1)], 1)
        matrix = self.grey + self.from_chroma @ chroma @ self.to_chroma
        return tuple((matrix[..., None, None] * part[:, None]).sum(2) for part in (source, target))  # never in TF32


def turn(x: torch.Tensor, quarter: int, flip: bool) -> torch.Tensor:
    x = torch.rot90(x, quarter, (2, 3))
    return x.flip(3) if flip else x


def down_taps(random: np.random.Generator) -> np.ndarray:
    """One scaler down by two, as the even-length taps of a separable filter: bicubic, Lanczos, triangle, box, sometimes
    with a Gaussian blur before it."""
    x = np.abs((np.arange(14) - 6.5) / 2)

    def cubic(a: float):
        inner, outer = (a + 2) * x**3 - (a + 3) * x**2 + 1, a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
        return np.where(x < 1, inner, np.where(x < 2, outer, 0))

    choices = [
        lambda: cubic(-0.5),
        lambda: cubic(-0.5),
        lambda: cubic(-0.75),
        lambda: np.where(x < 3, np.sinc(x) * np.sinc(x / 3), 0),
        lambda: np.where(x < 2, np.sinc(x) * np.sinc(x / 2), 0),
        lambda: np.clip(1 - x, 0, None),
        lambda: (x < 0.5).astype(float),
    ]
    taps = choices[random.integers(len(choices))]()
    if random.random() < 0.3:
        sigma = random.uniform(0.3, 1.3)
        gauss = np.exp(-0.5 * (np.arange(-4, 5) / sigma) ** 2)
        taps = np.convolve(taps, gauss)
    return taps / taps.sum()


def shrink(x: torch.Tensor, taps: torch.Tensor) -> torch.Tensor:
    """Half size by a separable filter of even length, no padding; the result's centre is the input's centre."""
    n, channels = taps.numel(), x.shape[1]
    assert n % 4 == 2, "each side must lose whole output pixels"
    x = functional.conv2d(x, taps.view(1, 1, n, 1).expand(channels, 1, n, 1), stride=(2, 1), groups=channels)
    return functional.conv2d(x, taps.view(1, 1, 1, n).expand(channels, 1, 1, n), stride=(1, 2), groups=channels)
