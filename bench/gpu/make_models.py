#!/usr/bin/env python3
"""Writes the networks of the GPU benchmarks and tests: seeded weights, nothing learned; numpy and onnx only.

    bench/gpu/make_models.py FOLDER           what is below, as NAME.onnx (float16; ResNet-50 51 MB, others up to 5 MB)
    bench/gpu/make_models.py --small FOLDER   what tests/gpu/infer_test.cc runs

sr        64 features, 16 3x3 convolutions with PReLU between them, pixel shuffle x2; picture [N,3,H,W]
sr_relu   the same with ReLU
sr_deep   the same with 32 convolutions
resnet50  ResNet-50 at 224, batch normalisation folded into the convolutions; 1000 values a frame
nearest   every pixel four times: a picture of twice the size that costs next to nothing
espcn, fsrcnn, dncnn, unet: public architectures, as their functions say
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

TYPES = {np.float16: TensorProto.FLOAT16, np.float32: TensorProto.FLOAT}


class Net:
    """A graph in the making. Methods return the name of what they compute."""

    def __init__(self, dtype, seed):
        self.dtype = dtype
        self.random = np.random.default_rng(seed)
        self.nodes = []
        self.weights = []

    def constant(self, array):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def node(self, kind, inputs, output=None, **attributes):
        output = output or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], f"{kind}{len(self.nodes)}", **attributes))
        return output

    def conv(self, x, shape, stride=1, gain=1.0):
        """shape: [out, in, size, size]. Keeps the variance of its input, times gain squared."""
        spread = gain * np.sqrt(2.0 / np.prod(shape[1:]))
        weight = self.constant(self.random.normal(0, spread, shape).astype(self.dtype))
        bias = self.constant(self.random.normal(0, 0.01, shape[0]).astype(self.dtype))
        pad = shape[2] // 2
        return self.node("Conv", [x, weight, bias], strides=[stride, stride], pads=[pad] * 4)

    def save(self, path, inputs, outputs, metadata):
        tensor = helper.make_tensor_value_info
        graph = helper.make_graph(
            self.nodes,
            path.stem,
            [tensor(name, TYPES[self.dtype], shape) for name, shape in inputs],
            [tensor(name, TYPES[self.dtype], shape) for name, shape in outputs],
            self.weights,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        helper.set_model_props(model, {f"millrace.{key}": value for key, value in metadata.items()})
        onnx.checker.check_model(model)
        onnx.save(model, path)
        print(path)


def super_resolution(path, dtype=np.float16, features=64, convolutions=16, activation="PRelu"):
    net = Net(dtype, 1)

    def activated(x):
        slope = [net.constant(np.full([features, 1, 1], 0.25, dtype))] if activation == "PRelu" else []
        return net.node(activation, [x, *slope])

    x = activated(net.conv("input", [features, 3, 3, 3]))
    for _ in range(convolutions - 2):
        x = activated(net.conv(x, [features, features, 3, 3]))
    x = net.conv(x, [12, features, 3, 3], gain=0.25)
    x = net.node("Add", [x, net.constant(np.full([1], 0.5, dtype))])
    net.node("DepthToSpace", [x], "output", blocksize=2, mode="CRD")
    net.save(path, [("input", ["N", 3, "H", "W"])], [("output", ["N", 3, "H2", "W2"])], {"output.kind": "picture"})


def resnet50(path, dtype=np.float16):
    net = Net(dtype, 2)

    def relu(x):
        return net.node("Relu", [x])

    x = relu(net.conv("input", [64, 3, 7, 7], stride=2))
    x = net.node("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    channels = 64
    for stage, blocks in enumerate([3, 4, 6, 3]):
        width = 64 << stage
        for block in range(blocks):
            stride = 2 if stage > 0 and block == 0 else 1
            y = relu(net.conv(x, [width, channels, 1, 1]))
            y = relu(net.conv(y, [width, width, 3, 3], stride))
            y = net.conv(y, [4 * width, width, 1, 1], gain=0.3)
            if block == 0:
                x = net.conv(x, [4 * width, channels, 1, 1], stride, gain=0.7)
                channels = 4 * width
            x = relu(net.node("Add", [y, x]))
    x = net.node("Flatten", [net.node("GlobalAveragePool", [x])])
    weight = net.constant(net.random.normal(0, 0.02, [1000, 2048]).astype(dtype))
    net.node("Gemm", [x, weight, net.constant(np.zeros(1000, dtype))], "output", transB=1)
    net.save(
        path,
        [("input", ["N", 3, 224, 224])],
        [("output", ["N", 1000])],
        {
            "output.kind": "data",
            "input.mean": "[0.485,0.456,0.406]",
            "input.std": "[0.229,0.224,0.225]",
        },
    )


def nearest(path, dtype=np.float16):
    net = Net(dtype, 4)
    weight = np.repeat(np.eye(3), 4, axis=0)[:, :, None, None].astype(dtype)
    x = net.node("Conv", ["input", net.constant(weight)])
    net.node("DepthToSpace", [x], "output", blocksize=2, mode="CRD")
    net.save(path, [("input", ["N", 3, "H", "W"])], [("output", ["N", 3, "H2", "W2"])], {"output.kind": "picture"})


def espcn(path, dtype=np.float16):
    """Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural
    Network", CVPR 2016: 5x5, 3x3, 3x3 with tanh, then the pixel shuffle, x2."""
    net = Net(dtype, 5)
    x = net.node("Tanh", [net.conv("input", [64, 3, 5, 5])])
    x = net.node("Tanh", [net.conv(x, [32, 64, 3, 3])])
    x = net.conv(x, [12, 32, 3, 3], gain=0.25)
    net.node("DepthToSpace", [x], "output", blocksize=2, mode="CRD")
    net.save(path, [("input", ["N", 3, "H", "W"])], [("output", ["N", 3, "H2", "W2"])], {"output.kind": "picture"})


def fsrcnn(path, dtype=np.float16):
    """Dong et al., "Accelerating the Super-Resolution Convolutional Neural Network", ECCV 2016: FSRCNN(56, 12, 4),
    with a transposed convolution of 9x9 as its last layer, x2."""
    net = Net(dtype, 6)

    def prelu(x, channels):
        return net.node("PRelu", [x, net.constant(np.full([channels, 1, 1], 0.25, dtype))])

    x = prelu(net.conv("input", [56, 3, 5, 5]), 56)
    x = prelu(net.conv(x, [12, 56, 1, 1]), 12)
    for _ in range(4):
        x = prelu(net.conv(x, [12, 12, 3, 3]), 12)
    x = prelu(net.conv(x, [56, 12, 1, 1]), 56)
    weight = net.constant(net.random.normal(0, 0.01, [56, 3, 9, 9]).astype(dtype))
    bias = net.constant(np.full(3, 0.5, dtype))
    sizes = {"strides": [2, 2], "pads": [4] * 4, "output_padding": [1, 1]}
    net.node("ConvTranspose", [x, weight, bias], "output", **sizes)
    net.save(path, [("input", ["N", 3, "H", "W"])], [("output", ["N", 3, "H2", "W2"])], {"output.kind": "picture"})


def dncnn(path, dtype=np.float16, features=64, convolutions=18):
    """Zhang et al., "Beyond a Gaussian Denoiser", IEEE TIP 2017: CDnCNN, 20 convolutions of 64 channels with batch
    normalisation between them, and the noise taken from the input."""
    net = Net(dtype, 7)
    x = net.node("Relu", [net.conv("input", [features, 3, 3, 3])])
    for _ in range(convolutions):
        x = net.conv(x, [features, features, 3, 3])
        spread, shift = (net.constant(net.random.normal(mean, 0.05, features).astype(dtype)) for mean in (1, 0))
        mean, variance = (net.constant(value.astype(dtype)) for value in (np.zeros(features), np.ones(features)))
        x = net.node("Relu", [net.node("BatchNormalization", [x, spread, shift, mean, variance])])
    net.node("Sub", ["input", net.conv(x, [3, features, 3, 3], gain=0.05)], "output")
    net.save(path, [("input", ["N", 3, "H", "W"])], [("output", ["N", 3, "H", "W"])], {"output.kind": "picture"})


def unet(path, dtype=np.float16):
    """Ronneberger et al., "U-Net", MICCAI 2015, with 32 to 256 channels, padding, and bilinear resizing up; a matte of
    one channel, repeated for a picture of three. Sizes are multiples of eight."""
    net = Net(dtype, 8)

    def block(x, before, after):
        x = net.node("Relu", [net.conv(x, [after, before, 3, 3])])
        return net.node("Relu", [net.conv(x, [after, after, 3, 3])])

    skips = []
    x, channels = block("input", 3, 32), 32
    for _ in range(3):
        skips.append((x, channels))
        x = block(net.node("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2]), channels, 2 * channels)
        channels *= 2
    for skip, width in reversed(skips):
        scales = net.constant(np.array([1, 1, 2, 2], np.float32))
        x = net.node("Resize", [x, "", scales], mode="linear", coordinate_transformation_mode="half_pixel")
        x = block(net.node("Concat", [skip, x], axis=1), channels + width, width)
        channels = width
    x = net.node("Sigmoid", [net.conv(x, [1, 32, 1, 1])])
    net.node("Concat", [x, x, x], "output", axis=1)
    net.save(path, [("input", ["N", 3, "H", "W"])], [("output", ["N", 3, "H", "W"])], {"output.kind": "picture"})


def on_the_cpu(path):
    """A convolution beside a node that ONNX Runtime has for the CPU only."""
    net = Net(np.float32, 3)
    largest = net.node("ReduceMax", [net.node("Unique", ["input"])], keepdims=0)
    net.node("Sub", [net.conv("input", [3, 3, 3, 3]), largest], "output")
    net.save(path, [("input", ["N", 3, "H", "W"])], [("output", ["N", 3, "H", "W"])], {"output.kind": "picture"})


def main():
    small = "--small" in sys.argv
    folders = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    if len(folders) != 1:
        sys.exit(__doc__)
    folder = Path(folders[0])
    folder.mkdir(parents=True, exist_ok=True)
    if small:
        super_resolution(folder / "half.onnx", features=16, convolutions=4)
        dncnn(folder / "denoise.onnx", np.float32, features=16, convolutions=3)
        on_the_cpu(folder / "on_the_cpu.onnx")
    else:
        super_resolution(folder / "sr.onnx")
        super_resolution(folder / "sr_relu.onnx", activation="Relu")
        super_resolution(folder / "sr_deep.onnx", convolutions=32)
        resnet50(folder / "resnet50.onnx")
        nearest(folder / "nearest.onnx")
        for net in (espcn, fsrcnn, dncnn, unet):
            net(folder / f"{net.__name__}.onnx")


if __name__ == "__main__":
    main()
