"""What both peers share: the network out of sr.onnx, ffmpeg's words, the line of JSON."""

import argparse
import json
import os
import subprocess
import time
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn


class AddConstant(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.register_buffer("value", value)

    def forward(self, x):
        return x + self.value


def load_net(path):
    """The chain of nodes that bench/gpu/make_models.py writes as sr.onnx, in float32."""
    graph = onnx.load(path).graph
    weights = {w.name: torch.from_numpy(numpy_helper.to_array(w).astype(np.float32)) for w in graph.initializer}
    layers, last = [], graph.input[0].name
    for node in graph.node:
        if node.input[0] != last:
            raise ValueError(f"{path}: {node.name} reads {node.input[0]}, expected {last}: not a chain")
        last = node.output[0]
        values = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        more = [weights[name] for name in node.input[1:]]
        if node.op_type == "Conv":
            out, channels, size, _ = more[0].shape
            layer = nn.Conv2d(channels, out, size, padding=values["pads"][0])
            layer.weight.data, layer.bias.data = more
        elif node.op_type == "PRelu":
            layer = nn.PReLU(more[0].numel())
            layer.weight.data = more[0].flatten()
        elif node.op_type == "Add":
            layer = AddConstant(more[0])
        elif node.op_type == "DepthToSpace" and values["mode"] == b"CRD":
            layer = nn.PixelShuffle(values["blocksize"])
        else:
            raise ValueError(f"{path}: {node.op_type} is not of this network")
        layers.append(layer)
    return nn.Sequential(*layers).eval()


def parse(description, frames, warm_up):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("clip")
    add("model", help="sr.onnx of bench/gpu/make_models.py")
    add("--frames", type=int, default=frames, help="that are measured")
    add("--warm-up", type=int, default=warm_up, help="frames before those")
    add("--output", default="/tmp/peer.mp4")
    add("--device", default="cuda")
    add("--ffmpeg", default="ffmpeg")
    add("--ffmpeg-libraries", help="LD_LIBRARY_PATH for ffmpeg alone")
    return parser, add


class Ffmpeg:
    def __init__(self, options):
        self.program = options.ffmpeg
        self.env = dict(os.environ)
        if options.ffmpeg_libraries is not None:
            self.env["LD_LIBRARY_PATH"] = options.ffmpeg_libraries

    def probe(self, clip):
        """Width, height and frame rate of the first video stream."""
        program = str(Path(self.program).with_name("ffprobe")) if "/" in self.program else "ffprobe"
        words = [program, "-v", "error", "-select_streams", "v:0", "-of", "csv=p=0"]
        words += ["-show_entries", "stream=width,height,r_frame_rate", clip]
        said = subprocess.run(words, capture_output=True, text=True, check=True, env=self.env).stdout
        width, height, rate = said.strip().split(",")[:3]
        return int(width), int(height), rate

    def decode(self, clip):
        """A pipe of raw RGB frames."""
        words = [self.program, "-v", "error", "-i", clip, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
        return subprocess.Popen(words, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=self.env, bufsize=0)

    def encode(self, size, rate, layout, output):
        """Raw frames on its standard input, x264 veryfast out."""
        words = [self.program, "-v", "error", "-f", "rawvideo", "-pix_fmt", layout, "-s", f"{size[0]}x{size[1]}"]
        words += ["-r", rate, "-i", "-", "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-y", output]
        return subprocess.Popen(words, stdin=subprocess.PIPE, env=self.env, bufsize=0)


def write_all(process, data):
    view = memoryview(data)
    while view:
        view = view[process.stdin.write(view) :]


def synchronize(device):
    if device != "cpu":
        torch.cuda.synchronize()


def rate_of(step, device, seconds=2.0):
    """Calls of `step` a second, in a row, for about that long."""
    for _ in range(3):
        step()
    synchronize(device)
    begin, count = time.perf_counter(), 0
    while count < 3 or time.perf_counter() - begin < seconds:
        for _ in range(5):
            step()
        count += 5
        synchronize(device)
    return count / (time.perf_counter() - begin)


def tell(peer, frames, seconds, **more):
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    found = {"peer": peer, "frames": frames, "seconds": seconds, "fps": frames / seconds}
    print(json.dumps({**found, "torch": torch.__version__, "gpu": name, **more}), flush=True)
