"""Scripts on a GPU: every framework's frames are those of the CPU, on whatever streams, and none is used again early.

Run where a GPU is, with an interpreter that has torch, cupy and jax (MILLRACE_SCRIPT_PYTHON, else this one). The oracle
is the same sum by numpy in a run on the CPU: decode and conversion give the same bits on both, and so does a product.
"""

from __future__ import annotations

import json
import os
import sys

import pytest
from tools import FAILED, ffmpeg, finished_segments, frames_of, millrace, pattern, x264

PYTHON = os.environ.get("MILLRACE_SCRIPT_PYTHON", sys.executable)
COMMON = ["--python", PYTHON, "--segment-length", "0.5", "-c:v", "ffv1", "-an"]
FRAMES = 200
HEAD = "import os, sys, time\nfrom millrace import analyser, processor\n\n"
HALF_BY_NUMPY = (
    f"{HEAD}import numpy\n\n@processor(batch=4)\ndef half(batch):\n    return batch.numpy() * numpy.float32(0.5)\n"
)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    ffmpeg(*pattern("640x360", 8), *x264(), path)
    return path


def words(film, folder, text, *options, device="cuda:0", name="out.mkv"):
    script = folder.parent / "script.py"
    script.write_text(text)
    return ["run", "-i", film, "-o", folder / name, "--script", script, *COMMON, "--device", device, *options]


def run(film, folder, text, *options, **keywords):
    """A run that must succeed: its report."""
    report = folder.parent / "report.json"
    ended = millrace(*words(film, folder, text, "--report", report, *options, **keywords))
    assert ended.code == 0, ended
    return json.loads(report.read_text())


def failed(film, folder, text, *options, **keywords):
    ended = millrace(*words(film, folder, text, *options, **keywords))
    assert ended.code == FAILED, ended
    return ended.err


@pytest.fixture(scope="module")
def halved(film, tmp_path_factory):
    """The frames of the oracle."""
    folder = tmp_path_factory.mktemp("oracle") / "out"
    folder.mkdir()
    run(film, folder, HALF_BY_NUMPY, device="cpu")
    frames = frames_of(folder / "out.mkv")
    assert len(frames) == FRAMES
    return frames


def processor(body, setup="", arguments="batch=4"):
    inner = "\n".join(f"        {line}" for line in body.strip().splitlines())
    first = "\n".join(f"        {line}" for line in (setup or "pass").strip().splitlines())
    declared = f"@processor({arguments})\nclass Work:\n"
    return f"{HEAD}{declared}    def setup(self, info):\n{first}\n    def __call__(self, batch):\n{inner}\n"


FRAMEWORKS = {
    "torch": ("return batch.torch() * 0.5", ""),
    "torch from_dlpack": ("import torch\nreturn torch.from_dlpack(batch.tensor) * 0.5", ""),
    "torch list": ("return [frame * 0.5 for frame in batch.torch()]", ""),
    "torch transposed": ("x = batch.torch()\nreturn (x.transpose(2, 3).contiguous() * 0.5).transpose(2, 3)", ""),
    "torch in place, still at work when the frames come back": (
        "import torch\nx = batch.torch()\ntorch.cuda._sleep(20_000_000)\nx.mul_(0.5)\nreturn batch",
        "",
    ),
    "torch gradient": (
        "return batch.torch() * self.factor",
        "import torch\nself.factor = torch.nn.Parameter(torch.tensor(0.5, device=info.device))",
    ),
    "cupy": ("import cupy\nreturn batch.cupy() * cupy.float32(0.5)", ""),
    "cupy array interface": (
        "import cupy\nreturn cupy.asarray(batch.tensor.first(len(batch))) * cupy.float32(0.5)",
        "",
    ),
    "cupy kernel": (
        "import cupy\nx = batch.cupy()\ny = cupy.empty_like(x)\n"
        "self.kernel(((x.size + 255) // 256,), (256,), (x, y, x.size))\nreturn y",
        "import cupy\nself.kernel = cupy.RawKernel("
        '\'extern "C" __global__ void half(const float* x, float* y, long long n) {'
        " long long i = blockIdx.x * 256ll + threadIdx.x; if (i < n) y[i] = x[i] * 0.5f; }', 'half')",
    ),
    "jax": ("return batch.jax() * 0.5", ""),
    "jax compiled": ("return self.half(batch.jax())", "import jax\nself.half = jax.jit(lambda x: x * 0.5)"),
}


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_framework_gives_the_frames_of_the_cpu(film, halved, folder, framework):
    body, setup = FRAMEWORKS[framework]
    report = run(film, folder, processor(body, setup))
    assert frames_of(folder / "out.mkv") == halved
    assert report["script"]["calls"] >= FRAMES / 4


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv420p10le", "yuv444p10le"])
def test_planes_are_those_of_ffmpeg(folder, pixels):
    """Of NVDEC's surfaces, whose chroma lies in pairs and whose ten bits are the upper ones."""
    film = folder.parent / f"{pixels}.mkv"
    ffmpeg(*pattern("642x362", 2), "-pix_fmt", pixels, "-c:v", "libx265", "-x265-params", "keyint=12:log-level=1", film)
    run(film, folder, processor("return batch.torch().clone()", arguments='color="yuv", batch=4'))
    assert [frame.hash for frame in frames_of(folder / "out.mkv")] == [frame.hash for frame in frames_of(film)]


SLOW = {
    # The kernel that reads the frames begins 50 ms after they were given up, on a stream that nobody told of.
    "side stream": """
import torch
x = batch.torch()
with torch.cuda.stream(self.side):
    self.side.wait_stream(torch.cuda.default_stream())
    torch.cuda._sleep(90_000_000)
    y = x * 0.5
del x, batch
torch.cuda.default_stream().wait_stream(self.side)
return y
""",
    # The frames are asked for on the side stream itself.
    "current stream": """
import torch
with torch.cuda.stream(self.side):
    x = batch.torch()
    torch.cuda._sleep(90_000_000)
    y = x * 0.5
    del x, batch
    y.record_stream(torch.cuda.default_stream())
torch.cuda.default_stream().wait_stream(self.side)
return y
""",
    # The producer is slow: who reads the result must wait for it.
    "slow result": """
import torch
y = batch.torch() * 0.5
torch.cuda._sleep(90_000_000)
return y.add_(0.0)
""",
    # What the script returned is overwritten by its next call.
    "reused result": """
import torch
self.y = batch.torch().mul(0.5) if not hasattr(self, "y") else torch.mul(batch.torch(), 0.5, out=self.y)
return self.y
""",
    # A graph is captured while earlier frames are given up.
    "capture": """
import torch
x = batch.torch()
graph = torch.cuda.CUDAGraph()
static = x.clone()
del x
with torch.cuda.graph(graph, capture_error_mode="thread_local"):
    y = static * 0.5
graph.replay()
torch.cuda.synchronize()
self.kept = graph, static
return y.clone()
""",
}


def test_a_graph_captured_in_setup_is_replayed(film, halved, folder):
    setup = """
import torch
self.static = torch.zeros(info.batch, 3, info.height, info.width, device=info.device)
self.graph = torch.cuda.CUDAGraph()
with torch.cuda.graph(self.graph):
    self.result = self.static * 0.5
"""
    body = "x = batch.torch()\nself.static[: len(x)] = x\nself.graph.replay()\nreturn self.result[: len(x)]"
    run(film, folder, processor(body, setup))
    assert frames_of(folder / "out.mkv") == halved


@pytest.mark.parametrize("how", SLOW)
def test_frames_stay_until_the_last_kernel_has_read_them(film, halved, folder, how):
    arguments = "batch=4" if how != "reused result" else "batch=1"
    run(film, folder, processor(SLOW[how], "import torch\nself.side = torch.cuda.Stream()", arguments))
    assert frames_of(folder / "out.mkv") == halved


def test_protocols_on_a_gpu(film, folder):
    body = """
import torch
t = batch.tensor
assert t.__dlpack_device__() == (2, 0) and t.device == "cuda:0" and batch.device == "cuda:0"
assert t.__cuda_array_interface__["data"][0] % 256 == 0
moved = {"dl_device": (1, 0), "copy": False}
for bad, error in (({"stream": 0}, ValueError), ({"dl_device": (2, 1)}, BufferError), (moved, BufferError)):
    try:
        t.__dlpack__(**bad)
    except error:
        continue
    raise AssertionError(bad)
for stream in (None, 1, 2, -1, torch.cuda.Stream().cuda_stream):
    assert "dltensor" in repr(t.__dlpack__(stream=stream))
assert '"dltensor_versioned"' in repr(t.__dlpack__(max_version=(1, 0)))
view = torch.from_dlpack(t)
assert view.data_ptr() == t.__cuda_array_interface__["data"][0]
copy = torch.utils.dlpack.from_dlpack(t.__dlpack__(copy=True))
assert copy.data_ptr() != view.data_ptr() and torch.equal(copy, view)
host = torch.utils.dlpack.from_dlpack(t.__dlpack__(dl_device=(1, 0)))
assert host.device.type == "cpu" and torch.equal(host, view.cpu())
for what in (batch.numpy, lambda: t.__array_interface__):
    try:
        what()
    except (TypeError, AttributeError) as error:
        assert "GPU" in str(error) or "cuda:0" in str(error), error
        continue
    raise AssertionError(what)
child = os.fork()
if child == 0:
    try:
        t.__dlpack__()
    except BufferError as error:
        os._exit(0 if "forked" in str(error) else 1)
    os._exit(2)
assert os.waitpid(child, 0)[1] == 0
return batch
"""
    run(film, folder, processor(body), "--frames", "8")


def test_an_analyser_reads_frames_that_never_visit_the_host(film, folder):
    text = HEAD + "@analyser(batch=8)\ndef bright(batch):\n    return batch.torch().mean(dim=(1, 2, 3)).tolist()\n"
    report = run(film, folder, text, name="out.jsonl")
    lines = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    assert len(lines) == FRAMES
    assert all(0 < line["result"] < 1 for line in lines)
    gpu = report["gpus"][0]
    one_frame = 640 * 360
    assert gpu["down"]["bytes"] < one_frame, "means alone come down"
    assert gpu["kernels"] > 0
    assert gpu["kernel_seconds"] > 0


def test_several_workers_share_a_gpu(film, halved, folder):
    body = "assert os.environ['XLA_PYTHON_CLIENT_PREALLOCATE'] == 'false'\nreturn batch.torch() * 0.5"
    report = run(film, folder, processor(body), "--script-workers", "2")
    assert frames_of(folder / "out.mkv") == halved
    assert report["gpus"] == []
    assert any("share the GPU" in note for note in report["notes"])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return batch.torch().cpu()", "expected an array on cuda:0, found one on cpu"),
        ("return batch.torch().double()", "found float64"),
        ("return batch.torch()[:1]", "found float32 [1, 3, 360, 640]"),
        ("self.kept = getattr(self, 'kept', []) + [batch]\nreturn batch", "it keeps the memory of"),
        ("import torch\nreturn torch.full((10**7, 10**7), 1.0, device='cuda')", "OutOfMemoryError"),
    ],
)
def test_what_is_wrong_is_said(film, folder, body, said):
    assert said in failed(film, folder, processor(body))


def test_a_script_that_ends_the_context_loses_the_rest_only(film, halved, folder):
    body = """
import ctypes, torch
x = batch.torch() * 0.5
time.sleep(0.05)
journal = os.environ["JOURNAL"]
finished = os.path.exists(journal) and open(journal).read().count("\\n") > 1  # a segment
if finished and not os.path.exists(os.environ["MARK"]):
    open(os.environ["MARK"], "w").close()
    torch.cuda.synchronize()
    assert ctypes.CDLL("libcuda.so.1").cuDevicePrimaryCtxReset_v2(0) == 0
return x
"""
    mark = folder.parent / "mark"
    os.environ["MARK"] = str(mark)
    os.environ["JOURNAL"] = str(folder / "out.mkv.millrace" / "journal")
    said = failed(film, folder, processor(body))
    assert "script.py" in said or "cuda:0" in said
    assert mark.exists()
    assert finished_segments(folder / "out.mkv") > 0
    run(film, folder, processor(body))
    assert frames_of(folder / "out.mkv") == halved


COPIES = """
import torch
x = batch.torch()
host = x.cpu()  # DOWN
y = torch.from_numpy(host.numpy()).cuda()  # UP
half = torch.empty_like(y).copy_(y)  # ACROSS
return half * 0.5
"""


def line_of(text, mark):
    return next(f"script.py:{number}" for number, line in enumerate(text.splitlines(), 1) if mark in line)


@pytest.mark.parametrize("workers", [1, 2])
def test_copies_are_named_by_the_lines_that_make_them(film, halved, folder, workers):
    text = processor(COPIES)
    report = run(film, folder, text, "--script-workers", str(workers))
    assert frames_of(folder / "out.mkv") == halved
    found = {(copies["line"], copies["direction"]): copies for copies in report["script"]["copies"]}
    for mark, direction in (("# DOWN", "down"), ("# UP", "up"), ("# ACROSS", "across")):
        copies = found[line_of(text, mark), direction]
        assert copies["bytes"] == FRAMES * 3 * 360 * 640 * 4, copies
        assert FRAMES / 4 <= copies["count"] <= report["script"]["calls"], copies
        assert copies["seconds"] > 0
    if workers == 1:
        assert report["gpus"][0]["down"]["bytes"] >= FRAMES * 3 * 360 * 640 * 4


def test_a_script_that_copies_nothing_is_told_so(film, folder):
    report = run(film, folder, processor("return batch.torch() * 0.5"))
    assert report["script"]["copies"] == []


def test_copies_in_a_generator_are_named(folder):
    text = HEAD.replace("analyser, processor", "generator")
    text += "@generator(size=(64, 36), frame_rate=25, frames=10)\ndef made():\n    import torch\n"
    text += "    for _ in range(10):\n        yield torch.zeros(3, 36, 64).cuda()  # UP\n"
    script = folder.parent / "script.py"
    script.write_text(text)
    report = folder.parent / "report.json"
    words = ["-o", folder / "out.mkv", "--script", script, "--python", PYTHON, "-c:v", "ffv1", "--report", report]
    ended = millrace("run", *words, "--device", "cuda:0")
    assert ended.code == 0, ended
    (copies,) = json.loads(report.read_text())["script"]["copies"]
    assert copies["line"] == line_of(text, "# UP")
    assert copies["direction"] == "up"
    assert copies["bytes"] == 10 * 3 * 36 * 64 * 4


# As the program looks for it.
CUPTI = """
import ctypes

def cupti():
    for folder in ("", "/usr/local/cuda/extras/CUPTI/lib64/", "/usr/local/cuda/lib64/"):
        try:
            return ctypes.CDLL(folder + "libcupti.so.13")
        except OSError:
            continue
    raise AssertionError("no CUPTI")
"""
HELD = """
callback = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p)(lambda *_: None)
assert cupti().cuptiSubscribe(ctypes.byref(ctypes.c_void_p()), callback, None) == 0
"""
MEMCPY = 1  # CUPTI_ACTIVITY_KIND_MEMCPY


@pytest.mark.parametrize(
    ("top", "body", "said"),
    [
        (HELD, "return batch.torch() * 0.5", "another profiler (torch.profiler, Nsight Systems ...) holds CUPTI"),
        (
            "",
            f"assert cupti().cuptiActivityDisable({MEMCPY}) == 0\nreturn batch.torch() * 0.5",
            "another profiler has taken CUPTI's records",
        ),
    ],
)
def test_what_another_profiler_keeps_from_being_measured_is_not_zero(film, halved, folder, top, body, said):
    report = run(film, folder, processor(body) + CUPTI + top)
    assert frames_of(folder / "out.mkv") == halved
    assert report["gpus"] == []
    assert report["script"]["copies"] is None
    assert [note for note in report["notes"] if said in note] != []
