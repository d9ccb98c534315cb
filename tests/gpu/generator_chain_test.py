"""Scripts behind a generator on a GPU: frames and results are read when they are made, and before they are made over.

Run where a GPU is, with an interpreter that has torch and cupy (MILLRACE_SCRIPT_PYTHON, else this one). The oracle is
numpy on the CPU: a product with a power of two, or with zero, is the same everywhere.
"""

from __future__ import annotations

import json
import os
import sys

import pytest
from tools import FAILED, frames_of, millrace

PYTHON = os.environ.get("MILLRACE_SCRIPT_PYTHON", sys.executable)
FRAMES = 60
HEAD = f"""
import numpy as np
from millrace import analyser, generator, processor

def ramp(number):
    return (np.arange(3 * 96 * 128, dtype="float32").reshape(3, 96, 128) * 7 + number * 1013) % 1024 / 1024

made = generator(size=(128, 96), frame_rate=25, frames={FRAMES})
"""
ON_THE_CPU = """
@made
def make():
    for number in range(60):
        yield ramp(number)
"""
# One tensor for all frames, written late, and over again as soon as the generator goes on.
TORCH = """
import torch
@made
class Make:
    def setup(self, info):
        self.frames = [torch.from_numpy(ramp(number)).to(info.device) for number in range(60)]
        self.memory = torch.empty_like(self.frames[0])
        torch.cuda.synchronize()
    def __call__(self):
        for frame in self.frames:
            torch.cuda._sleep(20_000_000)
            self.memory.copy_(frame)
            yield self.memory
            self.memory.fill_(0.125)
"""
ON_A_SIDE_STREAM = TORCH.replace(
    "        for frame", "        with torch.cuda.stream(torch.cuda.Stream()):\n          for frame"
).replace("\n            ", "\n              ")
BATCHES = TORCH.replace("yield self.memory\n", "yield self.memory.expand(1, -1, -1, -1).contiguous()\n")
CUPY = TORCH.replace("import torch\n", "import torch, cupy\n").replace(
    "yield self.memory", "yield cupy.asarray(self.memory)"
)
MAKERS = {"torch": TORCH, "side stream": ON_A_SIDE_STREAM, "batches": BATCHES, "cupy": CUPY, "the host": ON_THE_CPU}
HALF_BY_NUMPY = "@processor(batch=4)\ndef half(batch):\n    return batch.numpy() * np.float32(0.5)\n"
# In place, late, and then with a result whose memory is used again by the next call.
HALF = """
import torch
@processor(batch=4)
class Half:
    def setup(self, info):
        self.result = torch.empty((4, 3, 96, 128), device=info.device)
    def __call__(self, batch):
        assert batch.device == "cuda:0"
        frames = batch.torch()
        torch.cuda._sleep(20_000_000)
        frames.mul_(0.5)
        self.result[:len(frames)] = frames
        return self.result
"""
SAME = "@processor(batch=7)\ndef same(batch):\n    return batch\n"
MEAN = "@analyser(batch=4)\ndef mean(batch):\n    return batch.torch().double().sum((1, 2, 3)).tolist()\n"


def run(folder, name, texts, *options):
    words = ["run", "-o", folder / name, "--python", PYTHON, "-c:v", "ffv1", "--segment-length", "1", *options]
    if name.endswith(".jsonl"):
        words = [word for word in words if word not in ("-c:v", "ffv1")]
    for number, text in enumerate(texts):
        script = folder.parent / f"script{number}.py"
        script.write_text(HEAD + text)
        words += ["--script", script]
    return millrace(*words)


def done(*asked):
    ended = run(*asked)
    assert ended.code == 0, ended


@pytest.fixture(scope="module")
def halved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("oracle") / "out"
    folder.mkdir()
    done(folder, "out.mkv", [ON_THE_CPU, HALF_BY_NUMPY], "--device", "cpu")
    frames = frames_of(folder / "out.mkv")
    assert len({frame.hash for frame in frames}) == len(frames) == FRAMES
    return frames


@pytest.mark.parametrize("maker", MAKERS)
def test_what_a_generator_makes_goes_through_a_chain(halved, folder, maker):
    done(folder, "out.mkv", [MAKERS[maker], HALF, SAME], "--device", "cuda:0")
    assert frames_of(folder / "out.mkv") == halved


def test_an_analyser_behind_it(folder):
    done(folder, "out.jsonl", [TORCH, MEAN], "--device", "cuda:0")
    done(folder, "cpu.jsonl", [ON_THE_CPU, MEAN], "--device", "cpu")
    lines = [(folder / name).read_text().splitlines() for name in ("out.jsonl", "cpu.jsonl")]
    assert len(lines[0]) == FRAMES
    # Sums of whole 1024ths are exact in float64, in any order.
    assert [json.loads(line) for line in lines[0]] == [json.loads(line) for line in lines[1]]


def test_a_result_on_the_host_is_refused(folder):
    ended = run(folder, "out.mkv", [TORCH, HALF_BY_NUMPY.replace("batch.numpy()", "batch.torch().cpu().numpy()")],
                "--device", "cuda:0")  # fmt: skip
    assert ended.code == FAILED, ended
    assert "expected an array on cuda:0, found one on cpu; leave it there (frames 0 to 3)" in ended.err
