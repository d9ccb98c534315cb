#!/usr/bin/env python3
"""How it is mostly done: ffmpeg decodes on the CPU into a pipe, one frame at a time goes through the network in float32
PyTorch, and another ffmpeg encodes out of a pipe. Prints one line of JSON.

    split_way.py CLIP sr.onnx [--frames 240] [--warm-up 24] [--output FILE]

One step after another, as such scripts are written; the two ffmpeg work beside it. No sound. PyTorch's defaults
(convolutions may use TF32). The time is from the end of the warm-up to the last measured frame's write.
"""

import time

import numpy as np
import torch
from common import Ffmpeg, load_net, parse, rate_of, tell, write_all


def read_frame(pipe, buffer):
    view = memoryview(buffer).cast("B")
    while view:
        count = pipe.readinto(view)
        if not count:
            return False
        view = view[count:]
    return True


def main():
    options = parse(__doc__, frames=240, warm_up=24)[0].parse_args()
    device = options.device
    ffmpeg = Ffmpeg(options)
    width, height, rate = ffmpeg.probe(options.clip)
    net = load_net(options.model).to(device)
    frame = np.empty((height, width, 3), np.uint8)
    begin, done = time.perf_counter(), 0
    with (
        torch.inference_mode(),
        ffmpeg.decode(options.clip) as decoder,
        ffmpeg.encode((2 * width, 2 * height), rate, "rgb24", options.output) as encoder,
    ):
        while done < options.warm_up + options.frames and read_frame(decoder.stdout, frame):
            x = torch.from_numpy(frame).to(device).permute(2, 0, 1)[None].float() / 255
            y = (net(x).clamp(0, 1) * 255).round().to(torch.uint8)
            write_all(encoder, np.ascontiguousarray(y[0].permute(1, 2, 0).cpu().numpy()).reshape(-1))
            done += 1
            if done == options.warm_up:
                begin = time.perf_counter()
        seconds = time.perf_counter() - begin
        encoder.stdin.close()
        decoder.kill()
        net_fps = rate_of(lambda: net(x), device)
    if encoder.returncode != 0 or done <= options.warm_up:
        raise SystemExit(f"{options.clip}: {done} frames, the encoder's exit code is {encoder.returncode}")
    tell("split_way", done - options.warm_up, seconds, net_fps=net_fps, tf32=torch.backends.cudnn.allow_tf32)


if __name__ == "__main__":
    main()
