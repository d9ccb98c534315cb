// Every operator alone as fused layers against ONNX Runtime: normal shapes and the odd ones.

#include "infer/fused_cases.h"

namespace millrace::infer::fused {
namespace {

TEST_P(FusedOperator, EqualsOnnxRuntime) {
    for (const Shape& shape : GetParam().shapes) {
        ModelMaker model({-1, shape[1], -1, -1}, GetParam().operator_set);
        model.output(GetParam().make(model, shape[1]), GetParam().rank);
        EXPECT_LT(error_of_fused(model.bytes(), shape), close_enough())
            << fmt::format("{} x {} x {} x {}", shape[0], shape[1], shape[2], shape[3]);
    }
}

/// A convolution to `outs` channels for each group's input channel.
Case conv(const std::string& name, const Shape& kernel, const std::string& attributes,
          const std::vector<Shape>& shapes) {
    return {"Conv_" + name,
            [=](ModelMaker& model, std::int64_t channels) {
                const bool by_channel = attributes.find("group=") != std::string::npos;
                const Shape filter{by_channel ? channels * 2 : 5, by_channel ? 1 : channels, kernel[0], kernel[1]};
                return model.node("Conv", {"input", model.weights(filter), model.weights({filter[0]})}, attributes);
            },
            shapes};
}

Case transposed(const std::string& name, const Shape& kernel, const std::string& attributes,
                const std::vector<Shape>& shapes = {{1, 3, 5, 4}, {3, 3, 1, 1}}) {
    return {"ConvTranspose_" + name,
            [=](ModelMaker& model, std::int64_t channels) {
                const bool by_channel = attributes.find("group=") != std::string::npos;
                const std::int64_t outs = by_channel ? 2 : 4;
                const std::string filter = model.weights({channels, outs, kernel[0], kernel[1]});
                const std::string bias = model.weights({by_channel ? outs * channels : outs});
                return model.node("ConvTranspose", {"input", filter, bias}, attributes);
            },
            shapes};
}

/// A node of the input and a constant of such a shape, -1 for the channels.
Case with_constant(const std::string& op, const Shape& shape, const std::vector<Shape>& shapes = any_shape) {
    return {fmt::format("{}_constant_{}_{}", op, shape.size(), shape.empty() ? 0 : shape[0] + 1),
            [=](ModelMaker& model, std::int64_t channels) {
                Shape of = shape;
                std::ranges::replace(of, -1, channels);
                return model.node(op, {"input", model.weights_between(of, 0.5, 2)});
            },
            shapes};
}

INSTANTIATE_TEST_SUITE_P(
    Convolutions, FusedOperator,
    ::testing::Values(conv("1x1", {1, 1}, "", any_shape), conv("3x3", {3, 3}, "pads=1,1,1,1", any_shape),
                      conv("5x5", {5, 5}, "pads=2,2,2,2 strides=2,2", pictures),
                      conv("7x7", {7, 7}, "pads=3,3,3,3 strides=2,2", pictures),
                      conv("7x1", {7, 1}, "pads=3,0,3,0 strides=1,2", pictures),
                      conv("uneven_pads", {3, 2}, "pads=0,1,2,0", pictures), conv("no_pads", {3, 3}, "", pictures),
                      conv("dilated", {3, 3}, "pads=2,4,2,4 dilations=2,4", pictures),
                      conv("same_upper", {4, 4}, "auto_pad=SAME_UPPER strides=2,2", pictures),
                      conv("same_lower", {2, 4}, "auto_pad=SAME_LOWER", pictures),
                      conv("valid", {2, 2}, "auto_pad=VALID", pictures),
                      conv("depthwise", {3, 3}, "pads=1,1,1,1 group=3", {{1, 3, 8, 12}, {3, 3, 1, 1}})),
    named);

INSTANTIATE_TEST_SUITE_P(ManyChannels, FusedOperator,
                         ::testing::Values(Case{"TwoThousand",
                                                [](ModelMaker& m, std::int64_t c) {
                                                    const std::string wide =
                                                        m.conv("input", static_cast<int>(c), 2000, 1);
                                                    return m.conv(m.node("Relu", {wide}), 2000, 7, 3, "pads=1,1,1,1");
                                                },
                                                {{1, 3, 5, 4}, {64, 3, 1, 1}}}),
                         named);

INSTANTIATE_TEST_SUITE_P(
    TransposedConvolutions, FusedOperator,
    ::testing::Values(transposed("2x2", {2, 2}, "strides=2,2"), transposed("4x4", {4, 4}, "strides=2,2 pads=1,1,1,1"),
                      transposed("output_padding", {3, 3}, "strides=2,2 pads=1,1,1,1 output_padding=1,1"),
                      transposed("more_padding_out", {2, 2}, "strides=2,2 output_padding=1,1"),
                      transposed("uneven", {3, 2}, "strides=1,2 pads=0,1,1,0", {{1, 3, 5, 4}, {3, 3, 2, 2}}),
                      transposed("dilated", {3, 3}, "strides=2,2 dilations=2,1"),
                      transposed("grouped", {3, 3}, "strides=2,2 group=3"),
                      transposed("same_upper", {3, 3}, "strides=2,2 auto_pad=SAME_UPPER"),
                      transposed("same_lower", {3, 3}, "strides=2,2 auto_pad=SAME_LOWER"),
                      transposed("output_shape", {3, 3}, "strides=2,2 output_shape=10,9", {{1, 3, 5, 4}})),
    named);

INSTANTIATE_TEST_SUITE_P(
    Activations, FusedOperator,
    ::testing::Values(
        plain("Relu"), plain("LeakyRelu"), plain("LeakyRelu", "alpha=0.3"), plain("Sigmoid"), plain("Tanh"),
        plain("HardSigmoid", "alpha=0.9 beta=0.3"), plain("HardSwish"), plain("Neg"), plain("Abs"),
        with_constant("PRelu", {1}), with_constant("PRelu", {-1, 1, 1}), with_constant("PRelu", {1, -1, 1, 1}),
        Case{"Clip", [](ModelMaker& m,
                        auto) { return m.node("Clip", {"input", m.constant({}, {-0.25F}), m.constant({}, {0.5F})}); }},
        Case{"ClipBelow", [](ModelMaker& m, auto) { return m.node("Clip", {"input", m.constant({}, {-0.25F})}); }},
        Case{"ClipAbove", [](ModelMaker& m, auto) { return m.node("Clip", {"input", "", m.constant({1}, {0.25F})}); }},
        Case{"ClipByAttributes", [](ModelMaker& m, auto) { return m.node("Clip", {"input"}, "min=-0.5 max=0.125"); },
             any_shape, 4, 10},
        Case{"Max", [](ModelMaker& m, auto) { return m.node("Max", {m.constant({}, {0.1F}), "input"}); }},
        Case{"Min", [](ModelMaker& m, auto) { return m.node("Min", {"input", m.constant({}, {0.1F})}); }},
        Case{"SiLU", [](ModelMaker& m, auto) { return m.node("Mul", {m.node("Sigmoid", {"input"}), "input"}); }}),
    named);

INSTANTIATE_TEST_SUITE_P(
    Arithmetic, FusedOperator,
    ::testing::Values(with_constant("Add", {}), with_constant("Add", {1}), with_constant("Add", {-1, 1, 1}),
                      with_constant("Sub", {1, -1, 1, 1}), with_constant("Sub", {1}), with_constant("Mul", {-1, 1, 1}),
                      with_constant("Div", {1, -1, 1, 1}), with_constant("Div", {}),
                      with_constant("Add", {5, 1, 1}, {{1, 1, 4, 3}, {3, 1, 1, 1}}),
                      with_constant("Mul", {1, 5, 1, 1}, {{1, 1, 4, 3}}),
                      Case{"ConstantMinusPicture",
                           [](ModelMaker& m, std::int64_t channels) {
                               return m.node("Sub", {m.weights({channels, 1, 1}), "input"});
                           }},
                      Case{"TwoPictures",
                           [](ModelMaker& m, auto) {
                               const std::string a = m.node("Tanh", {"input"});
                               const std::string b = m.node("Sigmoid", {"input"});
                               return m.node("Mul", {m.node("Sub", {m.node("Add", {a, b}), m.node("Neg", {b})}), a});
                           }},
                      Case{"WithItself",
                           [](ModelMaker& m, auto) {
                               const std::string twice = m.node("Add", {"input", "input"});
                               return m.node("Sub", {m.node("Mul", {twice, twice}), "input"});
                           }},
                      Case{"WithOnePixel",
                           [](ModelMaker& m, auto) {
                               const std::string mean = m.node("GlobalAveragePool", {"input"});
                               const std::string added = m.node("Add", {mean, "input"});
                               return m.node("Sub", {m.node("Mul", {added, mean}), mean});
                           }},
                      Case{"OnePixelMinusPicture",
                           [](ModelMaker& m, auto) {
                               return m.node("Sub", {m.node("GlobalAveragePool", {"input"}), "input"});
                           }},
                      Case{"WithOneChannel",
                           [](ModelMaker& m, std::int64_t channels) {
                               const std::string mask = m.conv("input", static_cast<int>(channels), 1, 1);
                               return m.node("Mul", {"input", m.node("Sub", {mask, "input"})});
                           }},
                      Case{"OneChannelWithOnePixel",
                           [](ModelMaker& m, std::int64_t channels) {
                               const std::string mask = m.conv("input", static_cast<int>(channels), 1, 1);
                               return m.node("Mul", {m.node("GlobalAveragePool", {"input"}), mask});
                           }},
                      Case{"BatchNormalization",
                           [](ModelMaker& m, std::int64_t c) {
                               return m.node("BatchNormalization",
                                             {"input", m.weights({c}), m.weights({c}), m.weights({c}),
                                              m.weights_between({c}, 0.1, 2)},
                                             "epsilon=0.001");
                           }}),
    named);

INSTANTIATE_TEST_SUITE_P(
    Pools, FusedOperator,
    ::testing::Values(plain("MaxPool", "kernel_shape=2,2 strides=2,2", pictures),
                      plain("MaxPool", "kernel_shape=3,3 strides=2,2 pads=1,1,1,1"),
                      plain("MaxPool", "kernel_shape=3,2 strides=2,2 ceil_mode=1", pictures),
                      plain("MaxPool", "kernel_shape=3,3 strides=2,2 ceil_mode=1 pads=1,1,1,1", pictures),
                      plain("MaxPool", "kernel_shape=5,5 auto_pad=SAME_UPPER"),
                      plain("AveragePool", "kernel_shape=3,3 strides=2,2 pads=1,1,1,1"),
                      plain("AveragePool", "kernel_shape=3,3 strides=2,2 pads=1,1,1,1 count_include_pad=1"),
                      plain("AveragePool", "kernel_shape=2,3 pads=1,0,0,2 count_include_pad=1"),
                      plain("AveragePool", "kernel_shape=2,2 strides=2,2 ceil_mode=1", pictures),
                      plain("AveragePool", "kernel_shape=2,2 count_include_pad=1", pictures),
                      plain("GlobalAveragePool"), plain("GlobalMaxPool"), plain("ReduceMean", "axes=2,3"),
                      plain("ReduceMean", "axes=-1,"), plain("ReduceMax", "axes=-1,-2"),
                      Case{"ReduceMeanToRow",
                           [](ModelMaker& m, auto) { return m.node("ReduceMean", {"input"}, "axes=3,2 keepdims=0"); },
                           any_shape, 2},
                      Case{"ReduceMeanByInput",
                           [](ModelMaker& m, auto) { return m.node("ReduceMean", {"input", m.integers({-2, -1})}); },
                           any_shape, 4, 18}),
    named);

}  // namespace
}  // namespace millrace::infer::fused
