"""A latent video, decoded four frames at a time and written while the next four are decoded.

python generate_vae.py out.mp4                       torch and a GPU where there are, else numpy, small
python generate_vae.py out.mp4 --device cuda --size 1920x1080 --frames 480
python generate_vae.py out.mp4 --library numpy --size 96x64 --frames 50

The decoder has the shape of a video VAE's (a latent pixel becomes 8x8 pixels, convolutions see the frames of a chunk),
with weights from a seed: it makes coloured clouds, at the price of the real thing. After ctrl-C the same
command goes on.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import sys

import millrace
import numpy as np

CHUNK = 4  # frames that are decoded at once
SCALE = 8  # pixels a latent pixel, each way
CHANNELS = 16  # of the latent video


def latents(chunk, height, width, seed):
    """[CHUNK, CHANNELS, height, width]: the same for the same chunk, whatever was asked for before."""
    rng = np.random.default_rng(seed)
    here, there = rng.standard_normal((2, CHANNELS, height, width), dtype=np.float32)
    angles = [0.02 * (chunk * CHUNK + number) for number in range(CHUNK)]
    return np.stack([math.cos(angle) * here + math.sin(angle) * there for angle in angles]).astype(np.float32)


class TorchDecoder:
    """On a GPU, in float16; every chunk lies in the same memory, as with a captured graph."""

    def __init__(self, device, width, seed):
        import torch
        from torch import nn

        torch.manual_seed(seed)
        self._torch, self._device = torch, device
        self.dtype = "float16" if device.startswith("cuda") else "float32"

        def block(before, after):
            upper = nn.Upsample(scale_factor=2, mode="nearest")
            return nn.Sequential(upper, nn.Conv2d(before, after, 3, padding=1), nn.SiLU())

        self._over_time = nn.Conv3d(CHANNELS, width, 3, padding=1)
        self._to_frames = nn.Sequential(
            block(width, width), block(width, width // 2), block(width // 2, width // 2),
            nn.Conv2d(width // 2, 3, 3, padding=1),
        )  # fmt: skip
        for part in (self._over_time, self._to_frames):
            part.to(device, getattr(torch, self.dtype), memory_format=torch.preserve_format).eval()
        self._frames = None

    def place(self, latent):
        """On the device, as the decoder wants it."""
        return self._torch.from_dlpack(latent).to(self._device, getattr(self._torch, self.dtype))

    def __call__(self, latent):
        torch = self._torch
        with torch.inference_mode():
            given = latent if isinstance(latent, torch.Tensor) else self.place(latent)
            mixed = self._over_time(given.transpose(0, 1)[None])[0].transpose(0, 1)
            decoded = self._to_frames(mixed.contiguous()).mul_(20).sigmoid_()
            if self._frames is None:
                self._frames = torch.empty_like(decoded, memory_format=torch.contiguous_format)
            return self._frames.copy_(decoded)


class NumpyDecoder:
    """The same idea in small, where there is no torch."""

    dtype = "float32"

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self._kernels = [rng.standard_normal((CHANNELS, CHANNELS), dtype=np.float32) / 4 for _ in range(2)]
        self._out = rng.standard_normal((3, CHANNELS), dtype=np.float32) / 2

    def __call__(self, latent):
        values = latent
        for kernel in self._kernels:
            values = np.tanh(np.einsum("oc,tchw->tohw", kernel, values))
            values = (values + np.roll(values, 1, axis=2) + np.roll(values, 1, axis=3)) / 2
        planes = 1 / (1 + np.exp(-np.einsum("oc,tchw->tohw", self._out, values)))
        return planes.repeat(SCALE, axis=2).repeat(SCALE, axis=3).astype(np.float32)


def generate(output, arguments, decoder, device="cpu"):
    """Decodes all chunks that are not on disk yet, and writes them."""
    width, height = arguments.size
    with millrace.Writer(
        output,
        width=width,
        height=height,
        frame_rate=24,
        dtype=decoder.dtype,
        device=device,
        preset=arguments.preset,
        overwrite=True,
        segment_length=arguments.segment_length,
    ) as writer:
        writer.start_at(min(writer.frames_done, arguments.frames))
        while writer.next_frame < arguments.frames:
            chunk, first = divmod(writer.next_frame, CHUNK)
            frames = decoder(latents(chunk, height // SCALE, width // SCALE, arguments.seed))
            # Its memory is the next chunk's too: the GPU decodes that when the Writer has read this one.
            writer.write(frames[first : arguments.frames - chunk * CHUNK])
    return writer.report


def parse(words):
    """The command line, with what is here in the place of what was not said."""
    parser = argparse.ArgumentParser(description="Generates a video from latents.")
    parser.add_argument("output")
    parser.add_argument("--library", choices=["torch", "numpy"])
    parser.add_argument("--device", help="of torch: cpu, cuda, cuda:0")
    parser.add_argument("--size", type=lambda text: tuple(map(int, text.split("x"))), help="such as 1280x720")
    parser.add_argument("--frames", type=int, default=96)
    parser.add_argument("--width", type=int, default=64, help="features of the decoder")
    parser.add_argument("--preset", default="veryfast")
    parser.add_argument("--segment-length", type=float, default=2)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(words)
    arguments.library = arguments.library or ("torch" if importlib.util.find_spec("torch") else "numpy")
    if arguments.library == "torch" and arguments.device is None:
        import torch

        arguments.device = "cuda" if torch.cuda.is_available() else "cpu"
    arguments.device = arguments.device or "cpu"
    arguments.size = arguments.size or ((1280, 720) if arguments.device.startswith("cuda") else (320, 176))
    if any(side % SCALE for side in arguments.size):
        parser.error(f"--size: expected multiples of {SCALE}, found {arguments.size[0]}x{arguments.size[1]}")
    return arguments


def make_decoder(arguments):
    """By the library that was chosen."""
    if arguments.library == "numpy":
        return NumpyDecoder(arguments.seed)
    return TorchDecoder(arguments.device, arguments.width, arguments.seed)


def main(words):
    arguments = parse(words)
    report = generate(arguments.output, arguments, make_decoder(arguments), arguments.device)
    print(f"{report.output}: {report.frames.muxed} frames, {report.fps:.1f} a second")


if __name__ == "__main__":
    main(sys.argv[1:])
