#!/usr/bin/env python3
"""Write the tiny ONNX models that the tests run. Needs `onnx` and `numpy`, nothing else; the same bytes every time.

    make_models.py OUTDIR

Nothing is stored in the repository: a test calls this once and reads OUTDIR. Every model is opset 17, IR version 8, so
ONNX Runtime 1.21 and later load it. Each function below is one model (or a few of one kind) and says what it computes.
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8
F32 = TensorProto.FLOAT
F16 = TensorProto.FLOAT16
FRAME = ["N", 3, "H", "W"]


def value(name, shape, dtype=F32):
    """A typed graph input or output; strings in `shape` are dynamic axes."""
    return helper.make_tensor_value_info(name, dtype, shape)


def constant(name, array):
    """A named initializer."""
    return numpy_helper.from_array(np.asarray(array), name)


def model(name, nodes, inputs, outputs, constants=(), metadata=None, check=True, domains=()):
    """Assemble one model; values of `metadata` that are not strings become JSON, keys gain the `millrace.` prefix."""
    graph = helper.make_graph(nodes, name, inputs, outputs, list(constants))
    opsets = [helper.make_opsetid("", OPSET)] + [helper.make_opsetid(domain, 1) for domain in domains]
    built = helper.make_model(graph, opset_imports=opsets, producer_name="millrace-tests", ir_version=IR_VERSION)
    entries = {
        f"millrace.{key}": text if isinstance(text, str) else json.dumps(text, separators=(",", ":"))
        for key, text in (metadata or {}).items()
    }
    helper.set_model_props(built, entries)
    if check:
        onnx.checker.check_model(built, full_check=True)
    return built


def identity():
    """Picture x1, no metadata at all: everything is the default."""
    nodes = [helper.make_node("Identity", ["input"], ["output"])]
    return model("identity", nodes, [value("input", FRAME)], [value("output", FRAME)])


def upscale(name, mode):
    """Picture x2 by Resize; `nearest` repeats each pixel 2x2."""
    attributes = {"mode": mode, "coordinate_transformation_mode": "asymmetric" if mode == "nearest" else "half_pixel"}
    if mode == "nearest":
        attributes["nearest_mode"] = "floor"
    nodes = [helper.make_node("Resize", ["input", "", "scales"], ["output"], **attributes)]
    scales = constant("scales", np.array([1, 1, 2, 2], np.float32))
    return model(name, nodes, [value("input", FRAME)], [value("output", ["N", 3, "H2", "W2"])], [scales])


def scale_half():
    """Every value times 0.5 (picture x1)."""
    nodes = [helper.make_node("Mul", ["input", "half"], ["output"])]
    return model(
        "scale_half", nodes, [value("input", FRAME)], [value("output", FRAME)], [constant("half", np.float32(0.5))]
    )


def nhwc_identity():
    """Identity on [N,H,W,3]."""
    shape = ["N", "H", "W", 3]
    nodes = [helper.make_node("Identity", ["input"], ["output"])]
    return model(
        "nhwc_identity", nodes, [value("input", shape)], [value("output", shape)], metadata={"input.layout": "nhwc"}
    )


def fp16_identity():
    """Identity in float16; the type stands in the graph, not in the metadata."""
    nodes = [helper.make_node("Identity", ["input"], ["output"])]
    return model("fp16_identity", nodes, [value("input", FRAME, F16)], [value("output", FRAME, F16)])


def bgr255_identity():
    """Identity that takes and gives BGR in 0..255: order and range must be honoured on both sides."""
    nodes = [helper.make_node("Identity", ["input"], ["output"])]
    return model(
        "bgr255_identity",
        nodes,
        [value("input", FRAME)],
        [value("output", FRAME)],
        metadata={"input.color": "bgr", "input.range": [0, 255]},
    )


def normalized():
    """Undoes its own declared mean and std, so the picture comes out as it went in (to rounding)."""
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    nodes = [
        helper.make_node("Mul", ["input", "std"], ["scaled"]),
        helper.make_node("Add", ["scaled", "mean"], ["output"]),
    ]
    constants = [
        constant("std", np.array(std, np.float32).reshape(1, 3, 1, 1)),
        constant("mean", np.array(mean, np.float32).reshape(1, 3, 1, 1)),
    ]
    return model(
        "normalized_identity",
        nodes,
        [value("input", FRAME)],
        [value("output", FRAME)],
        constants,
        {"input.mean": mean, "input.std": std},
    )


def window3_mean():
    """Mean of previous, current and next frame; rank 4, channels = 3 frames x RGB, oldest first."""
    sizes = constant("split", np.array([3, 3, 3], np.int64))
    nodes = [
        helper.make_node("Split", ["input", "split"], ["before", "now", "after"], axis=1),
        helper.make_node("Mean", ["before", "now", "after"], ["output"]),
    ]
    return model(
        "window3_mean",
        nodes,
        [value("input", ["N", 9, "H", "W"])],
        [value("output", FRAME)],
        [sizes],
        {"window": [1, 1]},
    )


def window_rank5():
    """Mean over T of [N,T,3,H,W], T = 3."""
    nodes = [helper.make_node("ReduceMean", ["input"], ["output"], axes=[1], keepdims=0)]
    return model(
        "window_rank5",
        nodes,
        [value("input", ["N", 3, 3, "H", "W"])],
        [value("output", FRAME)],
        metadata={"window": [1, 1]},
    )


def window_center():
    """The middle frame of [1,1]: must equal the input exactly, whatever segments and halos do."""
    sizes = constant("split", np.array([3, 3, 3], np.int64))
    nodes = [
        helper.make_node("Split", ["input", "split"], ["before", "now", "after"], axis=1),
        helper.make_node("Identity", ["now"], ["output"]),
    ]
    return model(
        "window_center",
        nodes,
        [value("input", ["N", 9, "H", "W"])],
        [value("output", FRAME)],
        [sizes],
        {"window": [1, 1]},
    )


def recurrent():
    """out = state_out = (input + state_in) / 2, state zero at the start: depends on every frame before, in order."""
    nodes = [
        helper.make_node("Add", ["input", "state_in"], ["sum"]),
        helper.make_node("Mul", ["sum", "half"], ["output"]),
        helper.make_node("Identity", ["output"], ["state_out"]),
    ]
    return model(
        "recurrent",
        nodes,
        [value("input", [1, 3, "H", "W"]), value("state_in", [1, 3, "H", "W"])],
        [value("output", [1, 3, "H", "W"]), value("state_out", [1, 3, "H", "W"])],
        [constant("half", np.float32(0.5))],
        {"order": "sequential", "state": {"state_in": "state_out"}, "output.kind": "picture"},
    )


def mean_rgb():
    """Data: the mean of each channel, [N,3]."""
    nodes = [helper.make_node("ReduceMean", ["input"], ["output"], axes=[2, 3], keepdims=0)]
    return model(
        "mean_rgb",
        nodes,
        [value("input", FRAME)],
        [value("output", ["N", 3])],
        metadata={"output.kind": "data", "output.labels": ["red", "green", "blue"]},
    )


def classifier():
    """Data: softmax over five labels of a fixed linear map of the channel means; takes 32x18, stretched."""
    weights = np.array([[8, -4, -4], [-4, 8, -4], [-4, -4, 8], [4, 4, 4], [-4, -4, -4]], np.float32).T
    bias = np.array([0, 0, 0, -6, 4], np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("Gemm", ["mean", "weights", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["output"], axis=1),
    ]
    return model(
        "classifier",
        nodes,
        [value("input", ["N", 3, 18, 32])],
        [value("output", ["N", 5])],
        [constant("weights", weights), constant("bias", bias)],
        {
            "input.size": [32, 18],
            "input.fit": "stretch",
            "output.kind": "data",
            "output.labels": ["red", "green", "blue", "bright", "dark"],
        },
    )


def nan_maker():
    """Identity, but NaN (0/0) where a value is above 0.9."""
    nodes = [
        helper.make_node("Greater", ["input", "limit"], ["above"]),
        helper.make_node("Div", ["zero", "zero_too"], ["nan"]),
        helper.make_node("Where", ["above", "nan", "input"], ["output"]),
    ]
    # Both zeros are constants: 0/0 is NaN by IEEE 754, folded at load time or not.
    constants = [
        constant("limit", np.float32(0.9)),
        constant("zero", np.float32(0)),
        constant("zero_too", np.float32(0)),
    ]
    return model("nan_maker", nodes, [value("input", FRAME)], [value("output", FRAME)], constants)


def wrong_channels():
    """Wants 5 channels, which no picture has: must be refused before work starts."""
    shape = ["N", 5, "H", "W"]
    nodes = [helper.make_node("Identity", ["input"], ["output"])]
    return model("wrong_channels", nodes, [value("input", shape)], [value("output", shape)])


def static_size():
    """Identity at exactly 1x3x64x64."""
    nodes = [helper.make_node("Identity", ["input"], ["output"])]
    return model(
        "static_size",
        nodes,
        [value("input", [1, 3, 64, 64])],
        [value("output", [1, 3, 64, 64])],
        metadata={"input.size": [64, 64]},
    )


def static_batch4():
    """Identity at batch 4, free size: the last batch of a file must be padded and the padding dropped."""
    shape = [4, 3, "H", "W"]
    nodes = [helper.make_node("Identity", ["input"], ["output"])]
    return model("static_batch4", nodes, [value("input", shape)], [value("output", shape)])


def conv_rf():
    """Four 3x3 convolutions with ReLU between (3-8-8-8-3, seed 7, zero padding): receptive radius 4, for tile tests."""
    rng = np.random.default_rng(7)
    nodes, constants, last = [], [], "input"
    channels = [3, 8, 8, 8, 3]
    for i, (cin, cout) in enumerate(itertools.pairwise(channels)):
        weight = rng.standard_normal((cout, cin, 3, 3)) * np.sqrt(1.0 / (9 * cin))
        constants += [
            constant(f"w{i}", weight.astype(np.float32)),
            constant(f"b{i}", (rng.standard_normal(cout) * 0.1).astype(np.float32)),
        ]
        out = "residual" if i == 3 else f"c{i}"
        nodes.append(helper.make_node("Conv", [last, f"w{i}", f"b{i}"], [out], kernel_shape=[3, 3], pads=[1, 1, 1, 1]))
        if i < 3:
            nodes.append(helper.make_node("Relu", [out], [f"r{i}"]))
            last = f"r{i}"
    nodes.append(helper.make_node("Add", ["input", "residual"], ["output"]))
    return model("conv_rf", nodes, [value("input", FRAME)], [value("output", FRAME)], constants)


def conv_rf_tiled():
    """conv_rf that declares its own tiles: 64x64 with an overlap of 8 (at least twice the radius of 4)."""
    built = conv_rf()
    helper.set_model_props(built, {"millrace.tile": '{"size":[64,64],"overlap":8}'})
    return built


def two_outputs():
    """A picture (inverted) and beside it a data vector [N,3] (channel means)."""
    nodes = [
        helper.make_node("Sub", ["one", "input"], ["picture"]),
        helper.make_node("ReduceMean", ["input"], ["vector"], axes=[2, 3], keepdims=0),
    ]
    return model(
        "two_outputs",
        nodes,
        [value("input", FRAME)],
        [value("picture", FRAME), value("vector", ["N", 3])],
        [constant("one", np.float32(1))],
    )


def luma():
    """Identity on the luma plane alone, [N,1,H,W]."""
    shape = ["N", 1, "H", "W"]
    nodes = [helper.make_node("Identity", ["input"], ["output"])]
    return model("luma", nodes, [value("input", shape)], [value("output", shape)], metadata={"input.color": "y"})


def unknown_op():
    """Uses an operator of a domain nobody registered: loading must fail with the file's name in the message."""
    nodes = [helper.make_node("Mystery", ["input"], ["output"], domain="example.unknown")]
    return model(
        "unknown_op", nodes, [value("input", FRAME)], [value("output", FRAME)], check=False, domains=["example.unknown"]
    )


def bad_metadata():
    """A good identity whose metadata names a layout that does not exist."""
    nodes = [helper.make_node("Identity", ["input"], ["output"])]
    return model(
        "bad_metadata", nodes, [value("input", FRAME)], [value("output", FRAME)], metadata={"input.layout": "sideways"}
    )


MODELS = [
    identity(),
    upscale("nearest2x", "nearest"),
    upscale("linear2x", "linear"),
    scale_half(),
    nhwc_identity(),
    fp16_identity(),
    bgr255_identity(),
    normalized(),
    window3_mean(),
    window_rank5(),
    window_center(),
    recurrent(),
    mean_rgb(),
    classifier(),
    nan_maker(),
    wrong_channels(),
    static_size(),
    static_batch4(),
    conv_rf(),
    two_outputs(),
    luma(),
    unknown_op(),
    bad_metadata(),
]


def write_all(out: Path) -> list[Path]:
    """Write every model into `out` and return the paths, sorted."""
    out.mkdir(parents=True, exist_ok=True)
    named = {f"{built.graph.name}.onnx": built.SerializeToString(deterministic=True) for built in MODELS}
    named["conv_rf_tiled.onnx"] = conv_rf_tiled().SerializeToString(deterministic=True)
    named["not_onnx.onnx"] = b"This is a text file that only claims to be a model.\n"
    named["empty.onnx"] = b""
    for name, data in named.items():
        (out / name).write_bytes(data)
    return sorted(out / name for name in named)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the tiny test models.")
    parser.add_argument("outdir", type=Path)
    for path in write_all(parser.parse_args().outdir):
        print(path)


if __name__ == "__main__":
    main()
