#!/usr/bin/env python3
"""Train the shot-change network, export it as ONNX, and measure the exported file on held-out frames.

python -m train.shots --video package/video.mp4 --out .                 # in models/: train, export, measure
python -m train.shots --video package/video.mp4 --out . --only measure  # measure ./shot_change.onnx as it is
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import nn
from torch.nn import functional

from . import footage, onnx_file

SEED = 20261120
WIDTH, HEIGHT = 64, 36
STORE = (256, 144)  # size at which the footage is kept for synthetic shots
BATCH = 256
USED = range(24, footage.TRAIN.stop)  # the first second is black: nothing can be told apart there
STARTS = [0, footage.REAL_CUTS[0] - USED.start]


class ShotChange(nn.Module):
    """[N,6,36,64], the frame before and the frame as RGB in 0..1, to [N,1], how likely the frame begins a new shot."""

    def __init__(self):
        super().__init__()
        self.look = nn.Sequential(
            nn.Conv2d(9, 16, 3, 2, 1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, 2, 1),
            nn.ReLU(),
            nn.Conv2d(32, 32, 3, 2, 1),
            nn.ReLU(),
            nn.Conv2d(32, 32, 3, 1, 1),
            nn.ReLU(),
        )
        self.decide = nn.Linear(64, 1)

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        before, now = x[:, :3], x[:, 3:]
        y = self.look(torch.cat([before, now, (now - before).abs()], 1))
        return self.decide(torch.cat([y.mean((2, 3)), y.amax((2, 3))], 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.logits(x))


class Splices:
    """Makes labelled pairs from footage. A "shot" is a crop of the footage with its own flip and colours, which moves a
    little from frame to frame; a pair is two frames of one shot (0) or the frames on both sides of a splice (1)."""

    def __init__(self, frames: np.ndarray, starts: list[int], device: str, seed: int):
        """frames: uint8 [F,H,W,3]; starts: the first frame of each real shot in it."""
        self.frames = torch.from_numpy(frames.copy()).permute(0, 3, 1, 2).to(device)
        self.starts = torch.tensor(starts, device=device)
        self.device = device
        self.random = torch.Generator(device).manual_seed(seed)

    def _u(self, low: float, high: float, *shape: int) -> torch.Tensor:
        return low + (high - low) * torch.rand(*shape, generator=self.random, device=self.device)

    def _chance(self, p: float, n: int) -> torch.Tensor:
        return self._u(0, 1, n) < p

    def _shot_of(self, t: torch.Tensor) -> torch.Tensor:
        return (t[:, None] >= self.starts[None]).sum(1)

    def _crops(self, n: int) -> torch.Tensor:
        """[n,3]: centre x, centre y, half size, in the frame's own -1..1."""
        half = torch.where(self._chance(0.3, n), torch.ones(n, device=self.device), self._u(0.3, 1.0, n))
        return torch.stack([(1 - half) * self._u(-1, 1, n), (1 - half) * self._u(-1, 1, n), half], 1)

    def _render(self, t, crop, flip, gain, gamma) -> torch.Tensor:
        """The frames `t` seen through `crop`, at 128x72."""
        n = len(t)
        y, x = torch.meshgrid(
            torch.linspace(-1, 1, 2 * HEIGHT, device=self.device),
            torch.linspace(-1, 1, 2 * WIDTH, device=self.device),
            indexing="ij",
        )
        x = x[None] * torch.where(flip, -1.0, 1.0)[:, None, None]
        grid = torch.stack(
            [
                x * crop[:, 2, None, None] + crop[:, 0, None, None],
                y[None].expand(n, -1, -1) * crop[:, 2, None, None] + crop[:, 1, None, None],
            ],
            3,
        )
        seen = functional.grid_sample(
            self.frames[t].float() / 255, grid, padding_mode="reflection", align_corners=False
        )
        return (seen.clamp_min(1e-4) ** gamma[:, None, None, None] * gain[:, :, None, None]).clamp(0, 1)

    def _passer_by(self, now: torch.Tensor, which: torch.Tensor) -> torch.Tensor:
        """Puts a piece of some other frame, up to a third of the picture, into the later frame: things fly in."""
        n, _, height, width = now.shape
        other = self._render(
            (self._u(0, 1, n) * len(self.frames)).long(),
            self._crops(n),
            self._chance(0.5, n),
            self._u(0.5, 1.2, n, 3),
            self._u(0.7, 1.4, n),
        )
        y = torch.linspace(0, 1, height, device=self.device)[None, :, None]
        x = torch.linspace(0, 1, width, device=self.device)[None, None, :]
        cy, cx = (self._u(0, 1, n)[:, None, None] for _ in range(2))
        ry, rx = (self._u(0.1, 0.33, n)[:, None, None] for _ in range(2))
        inside = (((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 < 1) & which[:, None, None]
        return torch.where(inside[:, None], other, now)

    def batch(self, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs [n,6,36,64] and labels [n,1]."""
        count = len(self.frames)
        label = self._chance(0.5, n)
        t = (self._u(0, 1, n) * count).long()
        step = torch.tensor([0, 1, 1, 1, 1, 2, 3, 4], device=self.device)[(self._u(0, 8, n)).long()]
        later = torch.minimum(t + step, torch.tensor(count - 1, device=self.device))
        later = torch.where(self._shot_of(later) == self._shot_of(t), later, t)
        crop, flip = self._crops(n), self._chance(0.5, n)
        gain, gamma = self._u(0.6, 1.2, n, 3), self._u(0.7, 1.4, n)
        # The same shot a moment later: the camera drifts or jerks, the light changes a little.
        jerk = torch.where(self._chance(0.3, n), 0.15, 0.02)
        drift = torch.stack([self._u(-1, 1, n), self._u(-1, 1, n), self._u(-0.3, 0.3, n)], 1)
        move = crop + drift * (jerk * crop[:, 2])[:, None]
        light = torch.where(self._chance(0.25, n), self._u(0.75, 1.3, n), torch.ones(n, device=self.device))
        # A splice: another place, time or framing. Within one shot the framing must overlap by less than a quarter.
        cut_t = (self._u(0, 1, n) * count).long()
        cut_crop, cut_flip = self._crops(n), self._chance(0.5, n)
        near = (self._shot_of(cut_t) == self._shot_of(t)) & (overlap(crop, cut_crop) > 0.25)
        far_t = self._elsewhere(t)
        cut_t = torch.where(near, far_t, cut_t)
        graded = self._chance(0.5, n)
        cut_gain = torch.where(graded[:, None], self._u(0.6, 1.2, n, 3), gain)
        cut_gamma = torch.where(graded, self._u(0.7, 1.4, n), gamma)

        before = self._render(t, crop, flip, gain, gamma)
        now = self._render(
            torch.where(label, cut_t, later),
            torch.where(label[:, None], cut_crop, move),
            torch.where(label, cut_flip, flip),
            torch.where(label[:, None], cut_gain, gain * light[:, None]),
            torch.where(label, cut_gamma, gamma),
        )
        now = self._passer_by(now, self._chance(0.3, n) & ~label)
        pair = torch.cat([before, now], 1)
        # Whatever makes the small picture on the way in: an area mean, or every second pixel.
        small = torch.where(
            self._chance(0.5, n)[:, None, None, None], functional.avg_pool2d(pair, 2), pair[:, :, ::2, ::2]
        )
        noise = torch.randn(small.shape, generator=self.random, device=self.device)
        return (small + noise * self._u(0, 0.03, n)[:, None, None, None]).clamp(0, 1), label[:, None].float()

    def _elsewhere(self, t: torch.Tensor) -> torch.Tensor:
        """A random frame of another shot than that of `t`."""
        shots = self._shot_of(torch.arange(len(self.frames), device=self.device))
        allowed = (shots[None] != self._shot_of(t)[:, None]).float()
        return torch.multinomial(allowed, 1, generator=self.random)[:, 0]


def overlap(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Intersection over union of crops [n,3]."""
    low = torch.maximum(a[:, :2] - a[:, 2:], b[:, :2] - b[:, 2:])
    high = torch.minimum(a[:, :2] + a[:, 2:], b[:, :2] + b[:, 2:])
    common = (high - low).clamp_min(0).prod(1)
    return common / (4 * a[:, 2] ** 2 + 4 * b[:, 2] ** 2 - common)


def train(data: Splices, steps: int, device: str, log) -> ShotChange:
    torch.manual_seed(SEED)
    net = ShotChange().to(device)
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    begin = time.monotonic()
    for step in range(steps):
        pairs, label = data.batch(BATCH)
        loss = functional.binary_cross_entropy_with_logits(net.logits(pairs), label)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 1000 == 0 or step == steps - 1:
            log(f"step {step} loss {loss.item():.4f} after {time.monotonic() - begin:.0f} s")
    return net.cpu().eval()


# Measuring -----------------------------------------------------------------------------------------------------------


def difference(pairs: np.ndarray) -> np.ndarray:
    """The plain method to beat: mean absolute difference of the two frames, over pixels and colours."""
    return np.abs(pairs[:, 3:] - pairs[:, :3]).mean((1, 2, 3))


def best_threshold(score: np.ndarray, label: np.ndarray) -> float:
    """The threshold on `score` with the fewest mistakes."""
    order = np.argsort(score)
    wrong = np.cumsum(label[order]) + (~label[order]).sum() - np.cumsum(~label[order])
    return float(score[order][int(np.argmin(wrong))])


def as_input(frames: np.ndarray, step: int) -> np.ndarray:
    x = frames.transpose(0, 3, 1, 2).astype(np.float32) / 255
    return np.concatenate([x[:-step], x[step:]], 1)


def measure(model: Path, video: Path, clip: Path | None) -> dict:
    """Every number of the table in models/README.md."""
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])

    def predict(pairs: np.ndarray) -> np.ndarray:
        return session.run(None, {"input": np.ascontiguousarray(pairs, dtype=np.float32)})[0][:, 0]

    def count(pairs: np.ndarray, label: np.ndarray, threshold: float) -> dict:
        found, plain = predict(pairs) > 0.5, difference(pairs) > threshold
        return {
            "pairs": len(label),
            "cuts": int(label.sum()),
            "missed": int((label & ~found).sum()),
            "false": int((found & ~label).sum()),
            "plain_missed": int((label & ~plain).sum()),
            "plain_false": int((plain & ~label).sum()),
        }

    rng = np.random.default_rng(SEED)
    made = Splices(footage.decode(video, USED, STORE, "bilinear"), STARTS, "cpu", SEED + 1)
    pairs, label = (x.numpy() for x in made.batch(2000))
    threshold = best_threshold(difference(pairs), label[:, 0] > 0.5)
    result = {"plain_threshold": threshold, "rows": {}}

    held = footage.HELD_OUT
    small = footage.decode(video, held, (WIDTH, HEIGHT), "bilinear")
    cut = footage.REAL_CUTS[2] - held.start
    for step in (1, 2, 4, 8):
        label = np.array([i < cut <= i + step for i in range(len(small) - step)])
        row = count(as_input(small, step), label, threshold)
        score = predict(as_input(small, step))
        row |= {"lowest_at_cut": float(score[label].min()), "highest_elsewhere": float(score[~label].max())}
        result["rows"][f"held-out film, frames {step} apart"] = row
    if clip:
        shrunk = decode_small(clip)
        label = np.arange(1, len(shrunk)) == footage.REAL_CUTS[2] - footage.SAMPLE.start
        row = count(as_input(shrunk, 1), label, threshold)
        score = predict(as_input(shrunk, 1))
        row |= {"lowest_at_cut": float(score[label].min()), "highest_elsewhere": float(score[~label].max())}
        result["rows"]["the sample clip"] = row
    x = small.transpose(0, 3, 1, 2).astype(np.float32) / 255
    first, second = rng.integers(0, cut, 1000), rng.integers(cut, len(small), 1000)
    spliced = np.concatenate([np.concatenate([x[first], x[second]], 1), np.concatenate([x[second], x[first]], 1)])
    result["rows"]["held-out, whole frames of the two shots spliced"] = count(
        spliced, np.ones(len(spliced), bool), threshold
    )
    made = Splices(footage.decode(video, held, STORE, "bilinear"), [0, cut], "cpu", SEED + 2)
    pairs, label = (x.numpy() for x in made.batch(4000))
    result["rows"]["held-out, made as in training (crops, jerks, passers-by)"] = count(
        pairs, label[:, 0] > 0.5, threshold
    )
    return result


def decode_small(clip: Path) -> np.ndarray:
    full = footage.decode_clip(clip, (640, 360), len(footage.SAMPLE))
    x = torch.from_numpy(full.copy()).permute(0, 3, 1, 2).float()
    y = functional.interpolate(x, size=(HEIGHT, WIDTH), mode="bilinear", antialias=True)
    return y.round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()


def as_table(result: dict) -> str:
    lines = [
        "| pairs of | pairs | cuts | missed | false | plain: missed | false | least at a cut | most elsewhere |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, r in result["rows"].items():
        ends = [f"{r[key]:.3f}" if key in r else "" for key in ("lowest_at_cut", "highest_elsewhere")]
        lines.append(
            f"| {name} | {r['pairs']} | {r['cuts']} | **{r['missed']}** | **{r['false']}** | "
            f"{r['plain_missed']} | {r['plain_false']} | {ends[0]} | {ends[1]} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--video", type=Path, required=True, help="the 30 s of footage")
    parser.add_argument("--out", type=Path, required=True, help="folder for shot_change.onnx and its numbers")
    parser.add_argument("--clip", type=Path, help="samples/bbb.mp4, for its row in the table")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--only", choices=["train", "measure"], help="do one half: measuring needs no GPU")
    options = parser.parse_args()
    model = options.out / "shot_change.onnx"

    def log(text: str) -> None:
        print(text, flush=True)

    if options.only != "measure":
        data = Splices(footage.decode(options.video, USED, STORE, "bilinear"), STARTS, options.device, SEED)
        net = train(data, options.steps, options.device, log)
        onnx_file.export(
            net,
            torch.rand(2, 6, HEIGHT, WIDTH),
            model,
            {"input": {0: "N"}, "output": {0: "N"}},
            {
                "input.layout": "nchw",
                "input.range": [0, 1],
                "input.color": "rgb",
                "input.size": [WIDTH, HEIGHT],
                "input.fit": "stretch",
                "window": [1, 0],
                "output.kind": "data",
                "output.labels": ["shot_change"],
            },
            "Millrace shot changes; see models/README.md",
        )
        log(f"{sum(p.numel() for p in net.parameters())} parameters, {model.stat().st_size} bytes")
    if options.only == "train":
        return
    result = measure(model, options.video, options.clip)
    (options.out / "shot_change.json").write_text(json.dumps(result, indent=1) + "\n")
    log(as_table(result))


if __name__ == "__main__":
    main()
