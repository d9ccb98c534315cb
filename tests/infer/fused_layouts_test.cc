// Operators that move, put together and take apart, products and resizing: more cases of fused_operators_test.cc.

#include "infer/fused_cases.h"

namespace millrace::infer::fused {
namespace {

INSTANTIATE_TEST_SUITE_P(
    Layouts, FusedOperator,
    ::testing::Values(
        plain("Identity"), plain("Dropout"), plain("Cast", "to=1"), plain("DepthToSpace", "blocksize=1"),
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

/// On a GPU each takes as many plans as convolutions, which are chosen by measuring.
const std::vector<Shape> few_shapes{{1, 3, 8, 12}, {3, 1, 2, 2}};

/// Steps that nothing folds: values and activations in turn.
std::string long_chain(ModelMaker& m, std::string x, const std::string& other) {
    for (int i = 0; i < 6; ++i) {
        x = m.node("Add", {x, other});
        x = m.node(i % 2 == 0 ? "Tanh" : "Sigmoid", {x});
    }
    return x;
}

INSTANTIATE_TEST_SUITE_P(
    Long, FusedOperator,
    ::testing::Values(
        Case{"ConcatOfTwelve",
             [](ModelMaker& m, std::int64_t c) {
                 std::vector<std::string> values;
                 for (int i = 0; i < 12; ++i)
                     values.push_back(m.conv("input", static_cast<int>(c), i % 3 == 0 ? 3 : 8, 1));
                 return m.node("Tanh", {m.node("Concat", values, "axis=1")});
             },
             few_shapes},
        Case{"ConcatOfNineAndResized",
             [](ModelMaker& m, std::int64_t c) {
                 std::vector<std::string> values;
                 for (int i = 0; i < 9; ++i) {
                     const std::string half = m.node("AveragePool", {m.conv("input", static_cast<int>(c), 8, 1)},
                                                     "kernel_shape=2,2 strides=2,2");
                     values.push_back(m.node("Resize", {half, "", m.constant({4}, {1, 1, 2, 2})}, "mode=nearest"));
                 }
                 return m.node("Concat", values, "axis=1");
             },
             few_shapes},
        Case{"StepsBehindAConvolution",
             [](ModelMaker& m, std::int64_t c) {
                 const int channels = static_cast<int>(c);
                 return long_chain(m, m.conv("input", channels, channels, 1), "input");
             },
             few_shapes},
        Case{"StepsAlone", [](ModelMaker& m, auto) { return long_chain(m, m.node("Relu", {"input"}), "input"); }},
        Case{"SumOfTwelve",
             [](ModelMaker& m, std::int64_t c) {
                 std::vector<std::string> values;
                 for (int i = 0; i < 12; ++i) {
                     const int channels = static_cast<int>(c);
                     values.push_back(m.node("Relu", {m.conv("input", channels, channels, 1)}));
                 }
                 while (values.size() > 1) {  // as a tree
                     std::vector<std::string> sums;
                     for (std::size_t i = 0; i + 1 < values.size(); i += 2) {
                         sums.push_back(m.node("Add", {values[i], values[i + 1]}));
                     }
                     if (values.size() % 2 == 1) sums.push_back(values.back());
                     values = sums;
                 }
                 return values.front();
             },
             few_shapes},
        Case{"SumInARow",
             [](ModelMaker& m, std::int64_t c) {
                 std::string sum = "input";
                 for (int i = 0; i < 12; ++i) {
                     const int channels = static_cast<int>(c);
                     sum = m.node("Add", {sum, m.node("Relu", {m.conv("input", channels, channels, 1)})});
                 }
                 return sum;
             },
             few_shapes}),
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
