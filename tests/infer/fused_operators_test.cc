// Every operator alone as fused layers against ONNX Runtime: normal shapes and the odd ones.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <ostream>

#include "infer/fused_models.h"

namespace millrace::infer::fused {
namespace {

const std::vector<Shape> any_shape{{1, 3, 8, 12}, {3, 3, 7, 5}, {1, 3, 1, 1},
                                   {1, 1, 9, 3},  {3, 1, 1, 1}, {1, 500, 3, 2}};
const std::vector<Shape> pictures{{1, 3, 8, 12}, {3, 3, 9, 7}, {1, 1, 9, 8}};

struct Case {
    std::string name;
    /// Gets the input's name and its channels, returns the output's.
    std::function<std::string(ModelMaker& model, std::int64_t channels)> make;
    std::vector<Shape> shapes = any_shape;
    int rank = 4;
    int operator_set = 17;
    friend std::ostream& operator<<(std::ostream& stream, const Case& one) { return stream << one.name; }
};

class FusedOperator : public ::testing::TestWithParam<Case> {};

TEST_P(FusedOperator, EqualsOnnxRuntime) {
    for (const Shape& shape : GetParam().shapes) {
        ModelMaker model({-1, shape[1], -1, -1}, GetParam().operator_set);
        model.output(GetParam().make(model, shape[1]), GetParam().rank);
        EXPECT_LT(error_of_fused(model.bytes(), shape), close_enough())
            << fmt::format("{} x {} x {} x {}", shape[0], shape[1], shape[2], shape[3]);
    }
}

/// One node without constants.
Case plain(const std::string& op, const std::string& attributes = "", const std::vector<Shape>& shapes = any_shape) {
    return {op + attributes.substr(0, 12),
            [=](ModelMaker& model, std::int64_t /*channels*/) { return model.node(op, {"input"}, attributes); },
            shapes};
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

std::string named(const ::testing::TestParamInfo<Case>& info) {
    std::string name;
    for (const char one : info.param.name) name += std::isalnum(one) != 0 ? one : '_';
    return fmt::format("{}_{}", name, info.index);
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

INSTANTIATE_TEST_SUITE_P(
    Layouts, FusedOperator,
    ::testing::Values(
        plain("Identity"), plain("Dropout"), plain("Cast", "to=1"),
        Case{"DepthToSpaceDCR",
             [](ModelMaker& m, std::int64_t c) {
                 return m.node("DepthToSpace", {m.conv("input", static_cast<int>(c), 12, 1)}, "blocksize=2");
             }},
        Case{"DepthToSpaceCRD",
             [](ModelMaker& m, std::int64_t c) {
                 return m.node("DepthToSpace", {m.conv("input", static_cast<int>(c), 18, 1)}, "blocksize=3 mode=CRD");
             }},
        Case{"Concat",
             [](ModelMaker& m, std::int64_t c) {
                 return m.node("Concat", {"input", m.conv("input", static_cast<int>(c), 5, 1), "input"}, "axis=1");
             }},
        Case{"ConcatFromTheEnd",
             [](ModelMaker& m, auto) { return m.node("Concat", {"input", m.node("Relu", {"input"})}, "axis=-3"); }},
        Case{"FlattenedPool",
             [](ModelMaker& m, auto) { return m.node("Flatten", {m.node("GlobalAveragePool", {"input"})}); }, any_shape,
             2},
        Case{"SqueezedAndBack",
             [](ModelMaker& m, auto) {
                 const std::string pool = m.node("GlobalAveragePool", {"input"});
                 const std::string row = m.node("Squeeze", {pool, m.integers({2, 3})});
                 return m.node("Mul", {"input", m.node("Unsqueeze", {row, m.integers({2, -1})})});
             }},
        Case{"Reshaped",
             [](ModelMaker& m, std::int64_t c) {
                 const std::string row = m.node("Reshape", {m.node("GlobalMaxPool", {"input"}), m.integers({0, -1})});
                 return m.node("Add", {"input", m.node("Reshape", {row, m.integers({-1, c, 1, 1})})});
             }}),
    named);

INSTANTIATE_TEST_SUITE_P(
    Parts, FusedOperator,
    ::testing::Values(
        Case{"SpaceToDepth",
             [](ModelMaker& m, auto) { return m.node("SpaceToDepth", {"input"}, "blocksize=2"); },
             {{1, 3, 8, 12}, {3, 1, 2, 2}}},
        Case{"PixelUnshuffle",
             [](ModelMaker& m, std::int64_t c) {
                 const std::string apart = m.node("Reshape", {"input", m.integers({0, c, 2, 3, 4, 3})});
                 const std::string turned = m.node("Transpose", {apart}, "perm=0,1,3,5,2,4");
                 return m.node("Reshape", {turned, m.integers({0, c * 9, 2, 4})});
             },
             {{1, 3, 6, 12}, {3, 1, 6, 12}}},
        Case{"SpaceToDepthByReshaping",
             [](ModelMaker& m, std::int64_t c) {
                 const std::string apart = m.node("Reshape", {"input", m.integers({0, c, 3, 2, 6, 2})});
                 const std::string turned = m.node("Transpose", {apart}, "perm=0,3,5,1,2,4");
                 return m.node("Reshape", {turned, m.integers({0, c * 4, 3, 6})});
             },
             {{1, 3, 6, 12}, {3, 1, 6, 12}}},
        Case{"DepthToSpaceByReshaping",
             [](ModelMaker& m, std::int64_t c) {
                 const std::string x = m.conv("input", static_cast<int>(c), 12, 1);
                 const std::string apart = m.node("Reshape", {x, m.integers({0, 2, 2, 3, 5, 4})});
                 return m.node("Reshape",
                               {m.node("Transpose", {apart}, "perm=0,3,4,1,5,2"), m.integers({0, 3, 10, 8})});
             },
             {{1, 3, 5, 4}, {3, 1, 5, 4}}},
        Case{"ChannelShuffle",
             [](ModelMaker& m, std::int64_t c) {
                 const std::string x = m.conv("input", static_cast<int>(c), 12, 1);
                 const std::string apart = m.node("Reshape", {x, m.integers({0, 3, 4, 5, 4})});
                 return m.node("Reshape", {m.node("Transpose", {apart}, "perm=0,2,1,3,4"), m.integers({0, 12, 5, 4})});
             },
             {{1, 3, 5, 4}, {3, 1, 5, 4}}},
        Case{"SplitAndMultiply",
             [](ModelMaker& m, std::int64_t c) {
                 const std::string x = m.conv("input", static_cast<int>(c), 10, 1);
                 const std::string first = m.node("Split", {x, m.integers({4, 6})}, "axis=1");
                 const std::string rest = m.another_output();
                 return m.node("Concat", {rest, first}, "axis=1");
             }},
        Case{"SliceOfChannels",
             [](ModelMaker& m, std::int64_t c) {
                 const std::string x = m.conv("input", static_cast<int>(c), 10, 1);
                 return m.node("Slice", {x, m.integers({2}), m.integers({-1}), m.integers({1})});
             }},
        Case{"SliceOfAllAxes",
             [](ModelMaker& m, auto) {
                 return m.node("Slice", {"input", m.integers({0, 1, 2, -3}), m.integers({9, 3, 1000, -1})});
             },
             {{1, 3, 8, 12}, {3, 3, 4, 3}}},
        Case{"SliceOfNothing",
             [](ModelMaker& m, auto) {
                 return m.node("Slice",
                               {"input", m.integers({0}), m.integers({1000}), m.integers({3}), m.integers({1})});
             }},
        Case{"Pad",
             [](ModelMaker& m, auto) {
                 return m.node("Pad", {"input", m.integers({0, 0, 1, 2, 0, 0, 3, 0}), m.constant({}, {0})});
             }},
        Case{"PadByEdge",
             [](ModelMaker& m, auto) {
                 return m.node("Pad", {"input", m.integers({0, 0, 1, 2, 0, 0, 3, 0})}, "mode=edge");
             }},
        Case{"PadByReflection",
             [](ModelMaker& m, auto) {
                 return m.node("Pad", {"input", m.integers({0, 0, 1, 2, 0, 0, 3, 0})}, "mode=reflect");
             },
             {{1, 3, 8, 12}, {3, 3, 4, 3}}},
        Case{"PadOfTwo", [](ModelMaker& m, auto) { return m.node("Pad", {"input"}, "pads=0,0,1,2,0,0,3,0 value=0.0"); },
             any_shape, 4, 9},
        Case{"ExpandedPixel",
             [](ModelMaker& m, auto) {
                 const std::string mean = m.node("GlobalAveragePool", {"input"});
                 return m.node("Concat", {"input", m.node("Expand", {mean, m.node("Shape", {"input"})})}, "axis=1");
             }},
        Case{"Sum",
             [](ModelMaker& m, auto) {
                 return m.node("Sum",
                               {"input", m.node("Relu", {"input"}), m.node("Tanh", {"input"}), m.constant({1}, {2})});
             }}),
    named);

INSTANTIATE_TEST_SUITE_P(
    Products, FusedOperator,
    ::testing::Values(
        Case{"Gemm",
             [](ModelMaker& m, std::int64_t c) {
                 const std::string row = m.node("Flatten", {m.node("GlobalAveragePool", {"input"})});
                 return m.node("Gemm", {row, m.weights({7, c}), m.weights({7})}, "transB=1 alpha=0.5 beta=2.0");
             },
             any_shape, 2},
        Case{"GemmWithoutBias",
             [](ModelMaker& m, std::int64_t c) {
                 return m.node("Gemm", {m.node("ReduceMean", {"input"}, "axes=2,3 keepdims=0"), m.weights({c, 1})});
             },
             any_shape, 2},
        Case{"MatMulAndAdd",
             [](ModelMaker& m, std::int64_t c) {
                 const std::string row = m.node("Flatten", {m.node("GlobalAveragePool", {"input"})});
                 return m.node("Add", {m.node("MatMul", {row, m.weights({c, 6})}), m.weights({6})});
             },
             any_shape, 2},
        Case{"GemmOfAFlattenedPicture",
             [](ModelMaker& m, std::int64_t c) {
                 return m.node("Gemm", {m.node("Flatten", {"input"}), m.weights({c * 6 * 5, 4}), m.weights({1, 4})});
             },
             {{1, 3, 6, 5}, {3, 1, 6, 5}},
             2}),
    named);

/// Nearest by every coordinate and rounding at factors that float32 holds.
Case nearest(const std::string& coordinates, const std::string& rounding, const std::vector<float>& factors) {
    return {fmt::format("Nearest_{}_{}_{}", coordinates, rounding, static_cast<int>(factors[0] * 10)),
            [=](ModelMaker& m, auto) {
                return m.node("Resize", {"input", "", m.constant({4}, {1, 1, factors[0], factors[1]})},
                              fmt::format("mode=nearest coordinate_transformation_mode={} nearest_mode={}", coordinates,
                                          rounding));
            },
            {{1, 3, 8, 12}, {3, 1, 4, 2}}};
}

Case linear(const std::string& coordinates, const std::vector<std::int64_t>& size) {
    return {fmt::format("Linear_{}_{}", coordinates, size[0]),
            [=](ModelMaker& m, std::int64_t channels) {
                return m.node("Resize", {"input", "", "", m.integers({size[2], channels, size[0], size[1]})},
                              "mode=linear coordinate_transformation_mode=" + coordinates);
            },
            {{size[2], 3, 8, 12}, {size[2], 1, 3, 1}}};
}

INSTANTIATE_TEST_SUITE_P(
    Resizes, FusedOperator,
    ::testing::Values(
        nearest("half_pixel", "round_prefer_floor", {2, 2}), nearest("half_pixel", "round_prefer_ceil", {0.5, 2}),
        nearest("asymmetric", "floor", {2, 4}), nearest("asymmetric", "floor", {1.5, 0.5}),
        nearest("asymmetric", "ceil", {2, 2}), nearest("half_pixel", "floor", {4, 2}),
        nearest("half_pixel", "ceil", {2, 0.5}), nearest("asymmetric", "round_prefer_floor", {2, 2}),
        nearest("asymmetric", "round_prefer_ceil", {2, 2}), nearest("pytorch_half_pixel", "floor", {2, 2}),
        nearest("half_pixel", "floor", {1, 1}), linear("half_pixel", {16, 24, 1}), linear("half_pixel", {5, 7, 3}),
        linear("asymmetric", {9, 13, 1}), linear("align_corners", {11, 17, 1}), linear("align_corners", {1, 24, 1}),
        linear("pytorch_half_pixel", {16, 24, 1}), linear("half_pixel", {1, 1, 1}),
        Case{"UpsampleOfNine",
             [](ModelMaker& m, auto) {
                 return m.node("Upsample", {"input", m.constant({4}, {1, 1, 2, 3})}, "mode=nearest");
             },
             any_shape, 4, 9},
        Case{"UpsampleLinear",
             [](ModelMaker& m, auto) {
                 return m.node("Upsample", {"input", m.constant({4}, {1, 1, 2, 2})}, "mode=linear");
             },
             pictures, 4, 9},
        Case{"ResizeOfTen",
             [](ModelMaker& m, auto) {
                 return m.node("Resize", {"input", m.constant({4}, {1, 1, 2, 2})}, "mode=linear");
             },
             pictures, 4, 10},
        Case{"ResizeByAxes",
             [](ModelMaker& m, auto) {
                 return m.node("Resize", {"input", "", m.constant({2}, {3, 2})}, "mode=linear axes=3,2");
             },
             pictures, 4, 18}),
    named);

}  // namespace
}  // namespace millrace::infer::fused
