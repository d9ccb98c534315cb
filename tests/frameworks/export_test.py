"""millrace.export(): what is taken out of a module, that its numbers stay, and what is refused. torch is the judge."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections import Counter

import millrace
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from tools import FFV1, ROOT, ffmpeg, run_job
from tools import millrace as program
from torch import nn
from torch.nn import functional, utils

SAMPLE = ROOT / "samples/bbb.mp4"


def conv(channels_in=3, channels_out=3):
    return nn.Conv2d(channels_in, channels_out, 3, padding=1)


class DropPath(nn.Module):
    """As timm has it: leaves out whole samples, in training."""

    def forward(self, x):
        return x * (torch.rand(len(x), 1, 1, 1) > 0.5) if self.training else x + 0


class WithAuxiliary(nn.Module):
    """In training it returns something for a second loss too, by weights that nothing else needs."""

    def __init__(self):
        super().__init__()
        self.main, self.auxiliary = conv(), conv(3, 64)

    def forward(self, x):
        return (self.main(x), self.auxiliary(x)) if self.training else self.main(x)


class WithConstants(nn.Module):
    def forward(self, x):
        table = torch.arange(3, dtype=torch.float32).sqrt().exp() * 2
        return x * table.reshape(1, 3, 1, 1)


def old_weight_norm():
    return nn.Sequential(utils.weight_norm(conv()), nn.ReLU())


def batch_norm():
    return nn.Sequential(conv(), nn.BatchNorm2d(3), nn.ReLU(), nn.ConvTranspose2d(3, 3, 2, 2), nn.BatchNorm2d(3))


REMOVALS = {
    "old weight norm": (old_weight_norm, ["Conv", "Relu"], "weight norm of 0.weight: folded"),
    "old spectral norm": (
        lambda: nn.Sequential(utils.spectral_norm(conv())),
        ["Conv"],
        "spectral norm of 0.weight: folded",
    ),
    "spectral norm": (
        lambda: nn.Sequential(utils.parametrizations.spectral_norm(conv())),
        ["Conv"],
        "parametrization SpectralNorm of 0.weight: folded",
    ),
    "any parametrization": (
        lambda: nn.Sequential(utils.parametrizations.orthogonal(conv())),
        ["Conv"],
        "parametrization Orthogonal of 0.weight: folded",
    ),
    "dropout": (lambda: nn.Sequential(conv(), nn.Dropout2d(0.5), nn.Dropout(0.9)), ["Conv"], "Dropout2d 1: removed"),
    "stochastic depth": (lambda: nn.Sequential(conv(), DropPath()), ["Conv"], "DropPath 1: removed"),
    "auxiliary output": (WithAuxiliary, ["Conv"], None),
    "batch norm": (
        batch_norm,
        ["Conv", "ConvTranspose", "Relu"],
        "2 batch norms folded into the convolutions before them",
    ),
    "constants": (WithConstants, ["Mul"], None),
}
if hasattr(utils.parametrizations, "weight_norm"):  # torch 2.0
    REMOVALS["weight norm"] = (
        lambda: nn.Sequential(utils.parametrizations.weight_norm(conv())),
        ["Conv"],
        "parametrization WeightNorm of 0.weight: folded",
    )


def trained(make):
    """A module after some steps: norms have moved, and hooks have left what they leave."""
    torch.manual_seed(1)
    module = make()
    for _ in range(3):
        result = module(torch.rand(2, 3, 16, 16))
        (result[0] if isinstance(result, tuple) else result).mean()
    return module


def judged(module, pictures):
    with torch.no_grad():
        return copied(module).eval()(torch.from_numpy(pictures)).numpy()


def copied(module):
    """deepcopy refuses weights that hooks made."""
    for part in module.modules():
        for name, value in list(vars(part).items()):
            if isinstance(value, torch.Tensor) and not value.is_leaf:
                setattr(part, name, value.detach())
    return copy.deepcopy(module)


def through_onnx(path, pictures, **options):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: pictures})[0]


def pictures_of(*shape):
    return np.random.default_rng(5).random(shape, np.float32)


@pytest.mark.parametrize("name", REMOVALS)
def test_what_training_needs_is_gone_and_numbers_stay(tmp_path, name):
    make, operators, said = REMOVALS[name]
    module, path = trained(make), tmp_path / "net.onnx"
    report = millrace.export(module, torch.rand(1, 3, 24, 32), path)
    model = onnx.load(str(path))
    onnx.checker.check_model(model, full_check=True)
    assert sorted(node.op_type for node in model.graph.node) == operators
    assert said is None or said in report.removed
    for shape in [(1, 3, 24, 32), (3, 3, 40, 56)]:
        pictures = pictures_of(*shape)
        expected = judged(module, pictures)
        assert np.abs(through_onnx(path, pictures) - expected).max() <= 1e-5 * np.abs(expected).max()
    assert report.max_error <= report.tolerance == 1e-4
    assert report.dynamic == ("batch", "height", "width")


def test_weights_of_an_auxiliary_output_are_not_in_the_file(tmp_path):
    report = millrace.export(trained(WithAuxiliary), torch.rand(1, 3, 24, 32), tmp_path / "net.onnx")
    assert report.parameters == 3 * 3 * 9 + 3


@pytest.mark.parametrize("name", REMOVALS)
def test_the_module_stays_as_it_is(tmp_path, name):
    module = trained(REMOVALS[name][0])
    before = {key: value.clone() for key, value in module.state_dict().items()}
    kinds = [type(part) for part in module.modules()]
    for _ in range(2):
        millrace.export(module, torch.rand(1, 3, 24, 32), tmp_path / "net.onnx")
    after = module.state_dict()
    assert module.training
    assert list(before) == list(after)
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert kinds == [type(part) for part in module.modules()]
    module(torch.rand(2, 3, 16, 16))


class Scores(nn.Module):
    """A classifier's shape: whatever the size, so many scores."""

    def __init__(self):
        super().__init__()
        self.body = conv(3, 5)

    def forward(self, x):
        return {"scores": self.body(x).mean(dim=(2, 3)), "maps": self.body(x)}


def test_of_a_dict_the_named_outputs_are_kept_and_sizes_stay_fixed(tmp_path):
    path = tmp_path / "net.onnx"
    report = millrace.export(
        Scores(), torch.rand(1, 3, 24, 32), path, outputs=["scores"], settings={"output.labels": list("abcde")}
    )
    assert report.dynamic == ("batch",)
    assert report.settings["output.kind"] == "data"
    assert report.settings["output.labels"] == list("abcde")
    model = onnx.load(str(path))
    assert [output.name for output in model.graph.output] == ["scores"]
    shape = model.graph.input[0].type.tensor_type.shape.dim
    assert [dim.dim_value for dim in shape] == [0, 3, 24, 32]
    with pytest.raises(millrace.ExportError, match="returns scores, maps, not aux"):
        millrace.export(Scores(), torch.rand(1, 3, 24, 32), path, outputs=["aux"])


def test_settings_are_in_the_file_and_read_by_the_program(tmp_path):
    path = tmp_path / "net.onnx"
    settings = {"input.mean": [104, 117, 123], "input.range": 255, "input.color": "bgr"}
    report = millrace.export(conv(), torch.rand(1, 3, 24, 32), path, settings=settings)
    shown = json.loads(program("model", "show", "--json", path).out)["settings"]
    assert {key: entry["value"] for key, entry in shown.items()} == report.settings
    assert shown["input.mean"] == {"value": [104, 117, 123], "origin": "metadata"}
    assert shown["input.range"] == {"value": 255, "origin": "metadata"}
    assert shown["input.color"] == {"value": "bgr", "origin": "metadata"}
    assert shown["input.layout"] == {"value": "nchw", "origin": "metadata"}


class Random(nn.Module):
    def forward(self, x):
        return functional.dropout(x, 0.5, training=True)


class Baked(nn.Module):
    """Its size becomes a constant when it is traced."""

    def forward(self, x):
        return x + torch.from_numpy(np.linspace(0, 1, int(x.shape[3]), dtype=np.float32))


def refusal(tmp_path, module, example=None, **options):
    """The message; a file that was there stays."""
    path = tmp_path / "net.onnx"
    path.write_text("earlier")
    with pytest.raises(millrace.ExportError) as caught:
        millrace.export(module, torch.rand(1, 3, 24, 32) if example is None else example, path, **options)
    assert path.read_text() == "earlier"
    assert [entry.name for entry in tmp_path.iterdir()] == ["net.onnx"]
    return str(caught.value)


def test_what_is_not_the_module_is_refused(tmp_path):
    assert "random in it" in refusal(tmp_path, Random())
    # The exporter by tracing makes a constant of it, the one by torch.export refuses to.
    said = refusal(tmp_path, Baked())
    assert "the exported model is not the module" in said or "exporter to ONNX failed" in said
    assert "dynamic=()" in said
    millrace.export(Baked(), torch.rand(1, 3, 24, 32), tmp_path / "net.onnx", dynamic=())
    assert "allow more with tolerance=" in refusal(tmp_path, nn.Sequential(conv(), nn.Softmax(1)), tolerance=1e-12)


def test_what_is_asked_wrongly_is_refused(tmp_path):
    assert "expected a torch.nn.Module, found function" in refusal(tmp_path, refusal)
    assert "found torch.float32 [3, 24, 32]" in refusal(tmp_path, conv(), torch.rand(3, 24, 32))
    said = refusal(tmp_path, nn.Sequential(nn.ReLU(), conv(4)), torch.rand(1, 3, 24, 32))
    assert "example: Sequential does not take float32 [1, 3, 24, 32]: RuntimeError: " in said
    assert said.endswith("expected an input that the module works on: its layer 1 (Conv2d) takes 4 channels")
    assert "found depth" in refusal(tmp_path, conv(), dynamic=["depth"])
    assert "the engine cannot use the model" in refusal(tmp_path, conv(), settings={"input.colour": "bgr"})
    assert "expected [frames, 3, 24, 32], found [2, 3, 8, 8]" in refusal(
        tmp_path, conv(), frames=pictures_of(2, 3, 8, 8)
    )
    linear = nn.Sequential(nn.Flatten(), nn.Linear(3 * 24 * 32, 4))
    assert "does not take" in refusal(tmp_path, linear, dynamic=["width"])
    with pytest.raises(millrace.ExportError, match="there is no folder"):
        millrace.export(conv(), torch.rand(1, 3, 8, 8), tmp_path / "no/x.onnx")


def test_float16_is_kept_where_it_holds(tmp_path):
    path = tmp_path / "net.onnx"
    module, pictures = nn.Sequential(conv(3, 16), nn.ReLU(), conv(16, 3)), pictures_of(1, 3, 24, 32)
    report = millrace.export(module, torch.rand(1, 3, 24, 32), path, fp16=True)
    assert report.precision == "float16"
    assert 1e-6 < report.max_error == report.fp16_error <= report.tolerance == 1e-2
    types = Counter(tensor.data_type for tensor in onnx.load(str(path)).graph.initializer)
    assert set(types) == {onnx.TensorProto.FLOAT16}
    expected = judged(module, pictures)
    assert np.abs(through_onnx(path, pictures) - expected).max() <= 1e-2 * np.abs(expected).max()


def test_float16_that_does_not_hold_is_float32_with_a_note(tmp_path):
    module = nn.Sequential(conv(), conv())
    with torch.no_grad():
        module[0].weight *= 1e7  # beyond 65504
        module[1].weight *= 1e-7
    report = millrace.export(module, torch.rand(1, 3, 24, 32), tmp_path / "net.onnx", fp16=True)
    assert report.precision == "float32"
    assert report.max_error <= 1e-4
    assert report.fp16_error > 1e-2
    assert any("float16 has an error of" in note for note in report.notes)


@pytest.mark.parametrize("crash", [False, True])
def test_float16_that_cannot_be_loaded_is_float32_with_a_note(tmp_path, monkeypatch, crash):
    def unknown(model):
        half = onnx.ModelProto()
        half.CopyFrom(model)
        half.graph.node[0].op_type = "NoSuchOperator"
        return half

    monkeypatch.setattr("millrace._export_onnx.as_float16", unknown)
    if crash:  # the interpreter of the other process
        killed = tmp_path / "killed"
        killed.write_text(
            f'#!/bin/sh\ncase "$2" in *InferenceSession*) kill -SEGV $$ ;; esac\nexec {sys.executable} "$@"\n'
        )
        killed.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(killed))
    report = millrace.export(conv(), torch.rand(1, 3, 24, 32), tmp_path / "net.onnx", fp16=True)
    assert report.precision == "float32"
    assert report.fp16_error is None
    said = "its process ended with -11" if crash else "NoSuchOperator"
    assert any("float32, as float16 failed" in note and said in note for note in report.notes), report.notes


def test_it_is_compared_on_frames_of_a_clip(tmp_path):
    """The module sees them as the run would show them."""
    seen = []

    class Watch(nn.Module):
        def forward(self, x):
            seen.append(x.detach().clone().numpy())
            return x * 2

    report = millrace.export(Watch(), torch.rand(2, 3, 90, 160), tmp_path / "net.onnx", frames=SAMPLE)
    assert report.compared_on == f"4 frames of {SAMPLE}"
    raw = ffmpeg(
        "-i", SAMPLE, "-frames:v", "4", "-vf", "scale=160:90:flags=area", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"
    )
    judge = np.frombuffer(raw, np.uint8).reshape(4, 90, 160, 3).transpose(0, 3, 1, 2) / 255
    assert np.abs(np.concatenate([seen[0], seen[2]]) - judge).mean() < 0.03  # another filter


class Upscale(nn.Module):
    """Luma to twice the size."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.body = nn.Sequential(
            utils.weight_norm(conv(1, 8)), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout2d(), conv(8, 4), nn.PixelShuffle(2)
        )

    def forward(self, x):
        return functional.interpolate(x, scale_factor=2, mode="nearest") + 0.05 * self.body(x)


def luma(path, width, height, frames):
    raw = ffmpeg("-i", path, "-vsync", "passthrough", "-frames:v", frames, "-f", "rawvideo", "-pix_fmt", "yuv420p", "-")
    return np.frombuffer(raw, np.uint8).reshape(frames, height * 3 // 2, width)[:, :height].astype(np.int64)


def test_an_exported_net_runs_and_gives_what_torch_gives(tmp_path):
    module, path, output = Upscale(), tmp_path / "net.onnx", tmp_path / "out.mkv"
    module(torch.rand(4, 1, 32, 32))
    report = millrace.export(module, torch.rand(1, 1, 32, 32), path, frames=SAMPLE)
    assert report.settings["input.color"] == "y"
    ended = run_job(SAMPLE, output, "-m", path, "--frames", "6", *FFV1)
    assert ended.report["frames"]["muxed"] == 6
    width, height = ended.report["size_in"]
    given = (luma(SAMPLE, width, height, 6) - 16) / 219
    expected = judged(module, given[:, None].astype(np.float32))[:, 0]
    expected = np.clip(np.rint(expected * 219 + 16), 0, 255)
    found = luma(output, 2 * width, 2 * height, 6)
    assert np.abs(found - expected).max() <= 1
    assert (found != expected).mean() < 1e-3


def test_what_it_needs_is_named(tmp_path):
    code = """
import sys, importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name in ("onnx", "torch") else found(name, *more)
import millrace
millrace.export(None, None, "x.onnx")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "ExportError: export needs torch, onnx; install: " in done.stderr
