"""Models for the tests of infer/graph, and the judge of what becomes of them.

The judge is onnxruntime on the CPU, beside its own converter. The CPU provider has few float16 kernels and casts around
the rest, so that what shows is mostly the rounding of weights.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as n

FRAME = ["N", 3, "H", "W"]


def port(name, shape, kind=T.FLOAT):
    return h.make_tensor_value_info(name, kind, shape)


def weight(name, array):
    return n.from_array(np.asarray(array), name)


def conv_weights(seed, outputs=3, inputs=3, name="w"):
    spread = np.sqrt(1 / (9 * inputs))
    return weight(name, np.random.default_rng(seed).normal(0, spread, (outputs, inputs, 3, 3)).astype(np.float32))


def conv(x, y, weights="w"):
    return h.make_node("Conv", [x, weights], [y], kernel_shape=[3, 3], pads=[1] * 4)


def save(path, nodes, weights, outputs=None, inputs=None, opset=17, **extra):
    graph = h.make_graph(nodes, "g", inputs or [port("input", FRAME)], outputs or [port("output", FRAME)], weights)
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", opset)], ir_version=8)
    h.set_model_props(model, {"millrace.input.range": "1"})
    onnx.save(model, path, **extra)


def skip(path):
    """A convolution, its result used twice, and the input added: float16 and float32 versions of one value."""
    nodes = [
        conv("input", "a"),
        h.make_node("Relu", ["a"], ["b"]),
        h.make_node("Exp", ["a"], ["e"]),
        h.make_node("Mul", ["b", "e"], ["m"]),
        h.make_node("Add", ["input", "m"], ["output"]),
    ]
    save(path, nodes, [conv_weights(1)])


def constants(path):
    """Weights and an epsilon in Constant nodes, one of them needed in float32 too, limits that float16 lacks."""
    nodes = [
        h.make_node("Constant", [], ["w"], value=conv_weights(2)),
        h.make_node("Constant", [], ["epsilon"], value=weight("", np.float32(1e-12))),
        conv("input", "a"),
        h.make_node("Add", ["a", "epsilon"], ["b"]),
        h.make_node("Clip", ["b", "low", "high"], ["c"]),
        h.make_node("Mul", ["c", "gain"], ["d"]),
        h.make_node("Pow", ["d", "gain"], ["power"]),
        h.make_node("Max", ["power", "d"], ["output"]),
    ]
    save(
        path,
        nodes,
        [
            weight("low", np.float32(-3.4e38)),
            weight("high", np.float32(3.4e38)),
            weight("gain", np.float32(1.5)),
        ],
    )


def huge_weights(path):
    """A convolution whose weights float16 cannot hold, behind one that it can."""
    nodes = [conv("input", "a"), conv("a", "b", "v"), h.make_node("Mul", ["b", "small"], ["output"])]
    large = n.to_array(conv_weights(4)) * np.float32(1e6)
    save(path, nodes, [conv_weights(3), weight("v", large), weight("small", np.float32(1e-6))])


def shapes(path):
    """Twice the size by an arithmetic in floats that gives a shape, as exporters write it."""
    nodes = [
        conv("input", "a"),
        h.make_node("Shape", ["a"], ["shape"]),
        h.make_node("Cast", ["shape"], ["floats"], to=T.FLOAT),
        h.make_node("Mul", ["floats", "factors"], ["wanted"]),
        h.make_node("Floor", ["wanted"], ["floor"]),
        h.make_node("Cast", ["floor"], ["sizes"], to=T.INT64),
        h.make_node("Resize", ["a", "", "", "sizes"], ["output"], mode="linear"),
    ]
    factors = weight("factors", np.array([1, 1, 2, 2], np.float32))
    save(path, nodes, [conv_weights(5), factors], [port("output", ["N", 3, "H2", "W2"])])


def branches(path):
    """An If whose branches see float values of the graph around them, one of them of a convolution."""
    then = h.make_graph([h.make_node("Add", ["a", "input"], ["t"])], "then", [], [port("t", FRAME)])
    other = h.make_graph([h.make_node("Identity", ["a"], ["o"])], "else", [], [port("o", FRAME)])
    nodes = [
        conv("input", "a"),
        h.make_node("ReduceMax", ["a"], ["top"], keepdims=0),
        h.make_node("Greater", ["top", "zero"], ["positive"]),
        h.make_node("If", ["positive"], ["chosen"], then_branch=then, else_branch=other),
        conv("chosen", "output"),
    ]
    save(path, nodes, [conv_weights(6), weight("zero", np.float32(0))])


def loop(path):
    """A Loop that doubles a float32 value three times and sees another from outside, a convolution on both sides."""
    body = h.make_graph(
        [
            h.make_node("Add", ["carried", "a"], ["next"]),
            h.make_node("Identity", ["going"], ["still"]),
        ],
        "body",
        [port("i", [], T.INT64), port("going", [], T.BOOL), port("carried", FRAME)],
        [port("still", [], T.BOOL), port("next", FRAME)],
    )
    nodes = [
        conv("input", "a"),
        h.make_node("Loop", ["times", "", "a"], ["summed"], body=body),
        h.make_node("Mul", ["summed", "quarter"], ["scaled"]),
        conv("scaled", "output"),
    ]
    save(path, nodes, [conv_weights(7), weight("times", np.int64(3)), weight("quarter", np.float32(0.25))])


def several(path):
    """Operators with more than one output, one of them in float16, and one of them an index."""
    nodes = [
        conv("input", "a", "wide"),
        h.make_node("Split", ["a"], ["left", "right"], axis=1),
        h.make_node("MaxPool", ["left"], ["pooled", "places"], kernel_shape=[1, 1]),
        h.make_node("Cast", ["places"], ["floats"], to=T.FLOAT),
        h.make_node("Mul", ["floats", "zero"], ["nothing"]),
        h.make_node("Concat", ["pooled", "right"], ["both"], axis=1),
        h.make_node("Slice", ["both", "from", "to", "axis"], ["three"]),
        h.make_node("Add", ["three", "nothing"], ["output"]),
    ]
    values = [("zero", np.float32(0)), ("from", np.array([1])), ("to", np.array([4])), ("axis", np.array([1]))]
    save(path, nodes, [conv_weights(8, 6, name="wide")] + [weight(name, value) for name, value in values])


def quantised(path):
    """As a quantiser writes it."""
    ends = [weight("scale", np.float32(0.01)), weight("zero", np.uint8(0))]
    nodes = [
        h.make_node("QuantizeLinear", ["input", "scale", "zero"], ["q"]),
        h.make_node("DequantizeLinear", ["q", "scale", "zero"], ["output"]),
    ]
    save(path, nodes, ends)


def old(path):
    save(path, [h.make_node("Relu", ["input"], ["output"])], [], opset=6)


def external(path):
    save(
        path,
        [conv("input", "output")],
        [conv_weights(9)],
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )


def run(model, values):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    source = model if isinstance(model, (str, Path)) else model.SerializeToString()
    session = onnxruntime.InferenceSession(str(source) if isinstance(source, Path) else source, options)
    return session.run(None, values)


def decibels(expected, found):
    """Of the largest value over the difference, over all outputs; the worst of them."""
    worst = 1e9
    for want, have in zip(expected, found, strict=True):
        assert (want.dtype, want.shape) == (have.dtype, have.shape)
        error = np.mean((want.astype(np.float64) - have.astype(np.float64)) ** 2)
        worst = min(worst, 10 * np.log10(np.max(np.abs(want)) ** 2 / max(error, 1e-30)))
    return worst


def judge(original, converted):
    """Prints: dB of the converted model and of onnxruntime's own, its casts, float16 and float32 weights, zeros."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    before, after = onnx.load(original), onnx.load(converted)
    onnx.checker.check_model(after, full_check=True)
    assert list(before.graph.input) == list(after.graph.input)
    assert list(before.graph.output) == list(after.graph.output)
    assert list(before.metadata_props) == list(after.metadata_props)
    random = np.random.default_rng(0)
    values = {}
    for one in before.graph.input:
        shape = [
            dim.dim_value or extent for dim, extent in zip(one.type.tensor_type.shape.dim, [1, 3, 24, 40], strict=True)
        ]
        values[one.name] = random.random(shape, np.float32)
    expected = run(before, values)
    theirs = convert_float_to_float16(before, keep_io_types=True)
    try:
        reference = decibels(expected, run(theirs, values))
    except Exception:  # their converter does not know subgraphs that see outer values
        reference = 0
    ours = decibels(expected, run(after, values))
    casts = sum(node.op_type == "Cast" for node in after.graph.node)
    made = [n.to_array(one) for one in after.graph.initializer if one.data_type == T.FLOAT16]
    assert all(np.isfinite(array).all() for array in made)
    zeros = sum(int((array == 0).sum()) for array in made)
    floats = sum(one.data_type == T.FLOAT for one in after.graph.initializer)
    print(ours, reference, casts, len(made), floats, zeros)


if __name__ == "__main__":
    if sys.argv[1] == "judge":
        judge(sys.argv[2], sys.argv[3])
    else:
        globals()[sys.argv[1]](Path(sys.argv[2]))
