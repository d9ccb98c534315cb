#!/usr/bin/env python3
"""Train the x2 super-resolution network, export it as ONNX, and measure the exported file on held-out frames.

python -m train.upscale --video package/video.mp4 --out .                 # in models/: train, export, measure
python -m train.upscale --video package/video.mp4 --out . --only measure  # measure ./upscale2x.onnx as it is
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from . import footage, onnx_file
from .upscale_network import Upscale, collapsed
from .upscale_pairs import GROUP, SEED, Pairs, coded_recipes
from .upscale_table import as_table, measure

# Training ------------------------------------------------------------------------------------------------------------


def charbonnier(error: torch.Tensor) -> torch.Tensor:
    return torch.sqrt(error * error + 1e-6).mean()


def group_rms(error: torch.Tensor) -> torch.Tensor:
    """The root of each group's mean square: what PSNR measures, with coarse coding not outweighing clean pictures."""
    groups = error.unflatten(0, (-1, GROUP))
    return torch.sqrt((groups * groups).mean((1, 2, 3, 4)) + 1e-8).mean()


def train(pairs: Pairs, options: argparse.Namespace, log, checkpoint: Callable[[Upscale, int], None]) -> Upscale:
    """Charbonnier loss, then that of PSNR; Adam, one cosine. Returns the running average of the weights, and hands it
    to `checkpoint` each `options.checkpoint` steps."""
    steps, device = options.steps, options.device
    torch.manual_seed(SEED)
    net = Upscale().to(device)
    average = torch.optim.swa_utils.AveragedModel(net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.999))
    optimiser = torch.optim.Adam(net.parameters(), lr=7e-4, fused=device == "cuda")
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda i: min(1, i / 1000) * (0.5 + 0.5 * np.cos(np.pi * min(1, i / steps))) + 1e-3
    )
    begin, total = time.monotonic(), torch.zeros((), device=device)
    for step in range(1, steps + 1):
        source, target = pairs.batch()
        source = source.contiguous(memory_format=torch.channels_last)
        error = net.core(source) - target
        loss = charbonnier(error) if step <= 0.6 * steps else group_rms(error)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        optimiser.step()
        schedule.step()
        average.update_parameters(net)
        total += loss.detach()
        if step % 1000 == 0:
            log(f"step {step} mean loss {total.item() / 1000:.5f} after {time.monotonic() - begin:.0f} s")
            total.zero_()
        if options.checkpoint and step % options.checkpoint == 0 and step < steps:
            checkpoint(copy.deepcopy(average.module), step)
    return average.module


def export(net: Upscale, path: Path) -> None:
    """Write the trained network, collapsed, with what Millrace must know about it."""
    onnx_file.export(
        collapsed(net),
        torch.rand(1, 3, 48, 64),
        path,
        {"input": {0: "N", 2: "H", 3: "W"}, "output": {0: "N", 2: "H2", 3: "W2"}},
        {"input.layout": "nchw", "input.range": [0, 1], "input.color": "rgb", "output.kind": "picture"},
        "Millrace x2 super-resolution; see models/README.md",
    )


def train_and_export(options: argparse.Namespace, model: Path, log) -> None:
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    begin = time.monotonic()
    frames = range(300, 304) if options.dry else footage.TRAIN
    recipes = coded_recipes()[::8] if options.dry else coded_recipes()
    pairs = Pairs(options.video, options.device, frames, recipes, options.workers)
    log(f"{len(frames)} training frames, {len(recipes)} damaged versions, in {time.monotonic() - begin:.0f} s")
    net = train(pairs, options, log, lambda net, step: export(net, model.with_stem(f"{model.stem}-{step}")))
    export(net, model)
    log(f"{sum(p.numel() for p in collapsed(net).parameters())} parameters, {model.stat().st_size} bytes")


# The command ---------------------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--video", type=Path, required=True, help="the 30 s of footage")
    parser.add_argument("--out", type=Path, required=True, help="folder for upscale2x.onnx and its numbers")
    parser.add_argument("--clip", type=Path, help="samples/bbb.mp4, for its row in the table")
    parser.add_argument("--steps", type=int, default=45000)
    parser.add_argument("--checkpoint", type=int, default=0, help="also write a model every n steps (0: none)")
    parser.add_argument("--stride", type=int, default=12, help="measure every n-th held-out frame")
    parser.add_argument("--threads", type=int, default=0, help="of ONNX Runtime when measuring (0: all cores)")
    parser.add_argument("--workers", type=int, default=8, help="FFmpeg processes at a time")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--only", choices=["train", "measure"], help="do one half: measuring needs no GPU")
    parser.add_argument("--dry", action="store_true", help="few frames and recipes: does it run at all?")
    options = parser.parse_args()
    model = options.out / "upscale2x.onnx"

    def log(text: str) -> None:
        print(text, flush=True)

    if options.only != "measure":
        train_and_export(options, model, log)
    if options.only == "train":
        return
    rows = measure(model, options.video, options.clip, options.stride, options.threads)
    (options.out / "upscale2x.json").write_text(json.dumps(rows, indent=1) + "\n")
    log(as_table(rows))


if __name__ == "__main__":
    main()
