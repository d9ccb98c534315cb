#!/usr/bin/env python3
"""Does folding a model help ONNX Runtime on the CPU? Each net with what training left behind, and folded.

    bench/engine/folding.py [--threads 1] [--rounds 15]

The same seeded weights twice: with batch normalisation, scales and offsets, dropout, identities and pairs of casts as
nodes, and with those folded into the convolutions. Turn by turn in one process; the ratio is of medians, above 1 where
the folded net is faster. ONNX Runtime optimises both as Millrace has it do (all optimisations).
"""

import argparse
import statistics
import time

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

FEATURES, DEPTH, SIZE = 64, 8, (90, 160)


class Net:
    """A chain of 3x3 convolutions with ReLU; `left` is put behind each convolution, or folded into it."""

    def __init__(self, left: str, folded: bool) -> None:
        self.random = np.random.default_rng(7)
        self.left, self.folded = left, folded
        self.nodes, self.weights = [], []

    def constant(self, values: np.ndarray) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def node(self, op: str, inputs: list[str], **attributes: object) -> str:
        self.nodes.append(helper.make_node(op, inputs, [f"t{len(self.nodes)}"], **attributes))
        return self.nodes[-1].output[0]

    def convolution(self, value: str, ins: int, outs: int) -> str:
        filters = self.random.normal(0, (9 * ins) ** -0.5, (outs, ins, 3, 3))
        scale, offset = self.random.uniform(0.5, 1.5, outs), self.random.normal(0, 0.1, outs)
        if self.folded and self.left in ("BatchNormalization", "Mul and Add"):
            filters, bias = filters * scale[:, None, None, None], offset
        else:
            bias = np.zeros(outs)
        done = self.node("Conv", [value, self.constant(filters), self.constant(bias)], pads=[1] * 4)
        return done if self.folded else self.left_over(done, scale, offset)

    def left_over(self, value: str, scale: np.ndarray, offset: np.ndarray) -> str:
        zero, one = np.zeros(len(scale)), np.ones(len(scale))
        if self.left == "BatchNormalization":
            constants = [self.constant(each) for each in (scale, offset, zero, one)]
            return self.node("BatchNormalization", [value, *constants], epsilon=0.0)
        if self.left == "Mul and Add":
            value = self.node("Mul", [value, self.constant(scale[:, None, None])])
            return self.node("Add", [value, self.constant(offset[:, None, None])])
        if self.left == "Dropout and Identity":
            return self.node("Identity", [self.node("Dropout", [value])])
        half = self.node("Cast", [value], to=TensorProto.DOUBLE)
        return self.node("Cast", [half], to=TensorProto.FLOAT)

    def session(self, threads: int) -> onnxruntime.InferenceSession:
        value, ins = "input", 3
        for _ in range(DEPTH):
            value, ins = self.node("Relu", [self.convolution(value, ins, FEATURES)]), FEATURES
        value = self.convolution(value, FEATURES, 3)
        ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, *SIZE]) for name in ("input", value)]
        graph = helper.make_graph(self.nodes, "net", ports[:1], ports[1:], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def seconds(session: onnxruntime.InferenceSession, picture: np.ndarray) -> float:
    begin = time.perf_counter()
    session.run(None, {"input": picture})
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    picture = np.random.default_rng(0).random((1, 3, *SIZE), dtype=np.float32)
    print(f"ONNX Runtime {onnxruntime.__version__}, {options.threads} threads, {SIZE[1]}x{SIZE[0]}")
    print("| left behind each convolution | as it is, ms | folded, ms | ratio |\n| --- | --- | --- | --- |")
    for left in ("BatchNormalization", "Mul and Add", "Dropout and Identity", "two casts"):
        sessions = [Net(left, folded).session(options.threads) for folded in (False, True)]
        times = [[seconds(session, picture) for session in sessions] for _ in range(options.rounds + 1)][1:]
        plain, folded = (1e3 * statistics.median(column) for column in zip(*times, strict=True))
        print(f"| {left} | {plain:.1f} | {folded:.1f} | {plain / folded:.3f} |", flush=True)


if __name__ == "__main__":
    main()
