#!/usr/bin/env python3
"""What a person who knows the tools writes: PyNvVideoCodec's ThreadedDecoder into the GPU's memory, the network
compiled in float16 and channels_last, colour conversions on the GPU, a thread that feeds one ffmpeg (x264) out of
pinned memory. Prints one line of JSON.

    good_script.py CLIP sr.onnx [--frames 900] [--warm-up 90] [--mode max-autotune-no-cudagraphs] [--output FILE]

Three threads: decoding, which copies every surface on a stream of its own; the network; the encoder's pipe. No sound.
The time is from the write of the warm-up's last frame to that of the last measured; compiling is before it. `net_fps`
is the compiled network alone on one frame, in the same process.
"""

import contextlib
import fcntl
import importlib
import importlib.util
import os
import queue
import sys
import threading
import time
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from common import Ffmpeg, load_net, parse, rate_of, synchronize, tell, write_all

RING = 6  # pinned pictures
AHEAD = 8  # decoded surfaces
BATCH = 4  # that the decoder hands out at once


def import_codec():
    """PyNvVideoCodec; where no encoder's library is installed its package refuses, and its module is loaded alone."""
    try:
        return importlib.import_module("PyNvVideoCodec"), "package"
    except RuntimeError as error:
        refused = str(error).splitlines()[0]
    for folder in map(Path, sys.path):
        for path in sorted(folder.glob(f"PyNvVideoCodec/PyNvVideoCodec_130.cpython-3{sys.version_info.minor}-*.so")):
            spec = importlib.util.spec_from_file_location("_PyNvVideoCodec", path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module, f"module alone: {refused}"
    raise SystemExit(f"PyNvVideoCodec: {refused}")


def make_decoder(codec, clip):
    native = codec.OutputColorType.NATIVE
    if hasattr(codec, "ThreadedDecoder"):
        return codec.ThreadedDecoder(
            clip, buffer_size=AHEAD, gpu_id=0, use_device_memory=True, output_color_type=native
        )
    # The package's class does only this: path, buffer, GPU, context, stream, device memory, largest size, no scan,
    # cached decoders, colours, first frame, no statistics.
    return codec.CreateThreadedDecoder(clip, AHEAD, 0, 0, 0, True, 0, 0, 0, 4, native, 0, False)


class Decoding(threading.Thread):
    """NV12 surfaces, copied out of the decoder's own: those are its again at the next call."""

    def __init__(self, decoder, size, count, cuda):
        super().__init__(daemon=True)
        self.decoder, self.size, self.count = decoder, size, count
        self.surfaces = queue.Queue(AHEAD)
        self.stream = torch.cuda.Stream() if cuda else None

    def run(self):
        try:
            left = self.count
            while left > 0:
                frames = self.decoder.get_batch_frames(min(BATCH, left))
                if not frames:
                    break
                self.copy(frames)
                left -= len(frames)
            self.surfaces.put(None)
        except Exception as error:
            self.surfaces.put(error)

    def copy(self, frames):
        width, height = self.size
        theirs = [torch.from_dlpack(frame).reshape(height * 3 // 2, width) for frame in frames]
        with torch.cuda.stream(self.stream) if self.stream else contextlib.nullcontext():
            copies = [surface.clone() for surface in theirs]
        if self.stream:
            self.stream.synchronize()
        for surface in copies:
            self.surfaces.put(surface)


class Encoding(threading.Thread):
    """Pinned pictures go into ffmpeg's pipe in their order; times of the writes are kept."""

    def __init__(self, encoder, size, cuda):
        super().__init__(daemon=True)
        self.encoder, self.written, self.error = encoder, [], None
        pictures = [torch.empty(size[0] * size[1] * 3 // 2, dtype=torch.uint8, pin_memory=cuda) for _ in range(RING)]
        self.free, self.full = queue.Queue(), queue.Queue()
        for picture in pictures:
            self.free.put(picture)

    def run(self):
        while (item := self.full.get()) is not None:
            picture, event = item
            if event:
                event.synchronize()
            try:
                write_all(self.encoder, picture.numpy())
            except OSError as error:
                self.error = error
            self.written.append(time.perf_counter())
            self.free.put(picture)
        self.encoder.stdin.close()


def to_rgb(surface, height):
    """NV12, BT.709, limited range, to [1, 3, H, W] of 0 to 1; chroma is repeated."""
    y = (surface[:height].half() - 16) / 219
    chroma = (surface[height:].reshape(height // 2, -1, 2).half() - 128) / 224
    chroma = F.interpolate(chroma.permute(2, 0, 1)[None], scale_factor=2, mode="nearest")[0]
    u, v = chroma[0], chroma[1]
    rgb = torch.stack([y + 1.5748 * v, y - 0.1873 * u - 0.4681 * v, y + 1.8556 * u])
    return rgb.clamp(0, 1)[None].contiguous(memory_format=torch.channels_last)


def to_yuv(rgb):
    """[1, 3, H, W] to one row of bytes, the planes of yuv420p; chroma is the mean of four."""
    r, g, b = rgb[0].clamp(0, 1).unbind(0)
    y = 0.2126 * r + 0.7152 * g + 0.0722 * b
    chroma = F.avg_pool2d(torch.stack([(b - y) / 1.8556, (r - y) / 1.5748])[None], 2)[0]
    planes = [(y * 219 + 16).flatten(), (chroma * 224 + 128).flatten()]
    return torch.cat(planes).round().clamp(0, 255).to(torch.uint8)


def process(decoding, encoding, step, cuda):
    """Every surface through `step` into a pinned picture. Returns how many."""
    count = 0
    while (surface := decoding.surfaces.get()) is not None:
        if isinstance(surface, Exception):
            raise surface
        if cuda:
            surface.record_stream(torch.cuda.current_stream())  # else its memory is the decoding thread's too early
        result = step(surface)
        picture = encoding.free.get()
        picture.copy_(result, non_blocking=cuda)
        event = torch.cuda.Event() if cuda else None
        if event:
            event.record()
        encoding.full.put((picture, event))
        if encoding.error:
            raise encoding.error
        count += 1
    encoding.full.put(None)
    encoding.join()
    return count


def compile_all(options, height, surface):
    """(step from surface to bytes, the network alone, its input, seconds of compiling)."""
    dtype = torch.half if options.device != "cpu" else torch.float
    net = load_net(options.model).to(options.device, dtype, memory_format=torch.channels_last)
    stages = [lambda s: to_rgb(s, height).to(dtype), net, to_yuv]
    if options.mode != "none":
        stages = [
            torch.compile(stage, mode=mode, dynamic=False)
            for stage, mode in zip(stages, ("default", options.mode, "default"), strict=True)
        ]
    begin = time.perf_counter()
    rgb = stages[0](surface)
    stages[2](stages[1](rgb))
    synchronize(options.device)
    return lambda s: stages[2](stages[1](stages[0](s))), stages[1], rgb, time.perf_counter() - begin


@torch.inference_mode()
def main():
    parser, add = parse(__doc__, frames=900, warm_up=90)
    add("--mode", default="max-autotune-no-cudagraphs", help="of torch.compile for the network; none: not compiled")
    options = parser.parse_args()
    cuda = options.device != "cpu"
    if cuda:
        torch.zeros(1, device="cuda")  # the primary context is there before the decoder asks for it
        torch.backends.cudnn.benchmark = True
    codec, how = import_codec()
    ffmpeg = Ffmpeg(options)
    width, height, rate = ffmpeg.probe(options.clip)
    blank = torch.full((height * 3 // 2, width), 128, dtype=torch.uint8, device=options.device)
    step, net, rgb, compile_seconds = compile_all(options, height, blank)
    net_fps = rate_of(lambda: net(rgb), options.device)

    total = options.warm_up + options.frames
    size = (2 * width, 2 * height)
    with ffmpeg.encode(size, rate, "yuv420p", options.output) as encoder:
        with contextlib.suppress(OSError):
            fcntl.fcntl(encoder.stdin.fileno(), fcntl.F_SETPIPE_SZ, 1 << 20)
        decoding = Decoding(make_decoder(codec, options.clip), (width, height), total, cuda)
        encoding = Encoding(encoder, size, cuda)
        decoding.start()
        encoding.start()
        count = process(decoding, encoding, step, cuda)
    if count <= options.warm_up or encoder.returncode != 0:
        raise SystemExit(f"{options.clip}: {count} frames, the encoder's exit code is {encoder.returncode}")
    seconds = encoding.written[-1] - encoding.written[options.warm_up - 1]
    more = {"net_fps": net_fps, "mode": options.mode, "compile_seconds": compile_seconds, "codec": how}
    tell("good_script", count - options.warm_up, seconds, **more)
    os._exit(0)  # the decoder's own thread is in the middle of the file: no tearing down under it


if __name__ == "__main__":
    main()
