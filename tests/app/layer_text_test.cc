// The table of a model's layers.

#include "app/layer_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/engine.h"

namespace millrace::app {
namespace {

using testing::HasSubstr;

constexpr const char* measured = R"json({"layers": {"device": "NVIDIA H200 (sm_90)", "size": [640, 360],
  "size_is_default": true, "batch": 2, "peak": {"operations": 1e15, "bytes": 4.8e12},
  "rows": [
    {"name": "(input)", "operators": [], "fused": true, "seconds": 1e-5},
    {"name": "Conv0", "operators": ["Conv", "Add", "Add", "Relu"], "fused": true, "operations": 3e10, "bytes": 4e7,
     "seconds": 0.0001, "ceiling": 0.3, "plan": "eng1{}"},
    {"name": "Pool1", "operators": ["MaxPool"], "fused": true, "operations": 0, "bytes": 1e7, "seconds": 5e-6,
     "ceiling": 0.42},
    {"name": "probs", "operators": ["Softmax"], "fused": false, "reason": "Softmax is not among what is fused"}],
  "sums": {"fused": 3, "not_fused": 1, "operations": 3e10, "bytes": 5e7, "seconds": 0.000115, "ceiling": 0.28},
  "folded": {"Constant": 3, "Identity": 1}, "check": {"text": "62.1 dB of PSNR against fp32 on 4 frames"},
  "run_seconds": {"cuda/nhwc/graph/tf32/heuristic/fp16": 0.0002, "fused": 0.00012}
}
})json";

TEST(LayerText, IsATableWithItsSums) {
    EXPECT_EQ(render_layers(measured, Plans::hidden),
              "layers at 640x360 (--input-size gives another size), batch 2, on NVIDIA H200 (sm_90)\n"
              "  layer    operators            GFLOP    MB     ms               of ceiling\n"
              "  (input)                                    0.010\n"
              "  Conv0    Conv, Add x 2, Relu   30.0  40.0  0.100  300 TFLOP/s         30%\n"
              "  Pool1    MaxPool                     10.0  0.005    2000 GB/s         42%\n"
              "  probs    Softmax                                                           not fused: Softmax is not "
              "among what is fused\n"
              "  3 layers fused, 1 node not: 30.0 GFLOP, 50.0 MB, 0.115 ms, 28% of the ceiling (1000 TFLOP/s, 4.80 "
              "TB/s)\n"
              "  folded away: Constant x 3, Identity\n"
              "  check: 62.1 dB of PSNR against fp32 on 4 frames\n"
              "  a run: cuda/nhwc/graph/tf32/heuristic/fp16 0.200 ms, fused 0.120 ms\n");
    EXPECT_THAT(render_layers(measured, Plans::shown), HasSubstr("30%  eng1{}\n"));
}

// Without a GPU: what would be fused. The body's first convolution, by hand: from a border of 7 pixels two are gone by
// then, so it gives 74 x 42 pixels of 32 channels, each a sum of 32 x 9 products: 57 million operations.
TEST(LayerText, OfARealModelOnTheCpu) {
    ModelOptions options;
    options.path = MILLRACE_SOURCE_DIR "/models/upscale2x.onnx";
    options.runtime_library = MILLRACE_ONNXRUNTIME_LIBRARY;
    options.settings["input.size"] = "[64, 32]";
    EXPECT_EQ(render_layers(show_model_json(options, {}), Plans::hidden),
              "layers at 64x32, batch 1, on cpu\n"
              "  layer          operators        GFLOP     MB\n"
              "  /Pad           Pad                     0.034\n"
              "  /head/Conv     Conv, LeakyRelu  0.006  0.237\n"
              "  /body.0/Conv   Conv, LeakyRelu  0.057  0.431\n"
              "  /body.1/Conv   Conv, LeakyRelu  0.053  0.402\n"
              "  /body.2/Conv   Conv, LeakyRelu  0.049  0.373\n"
              "  /body.3/Conv   Conv, LeakyRelu  0.045  0.345\n"
              "  /body.4/Conv   Conv, LeakyRelu  0.041  0.319\n"
              "  /tail/Conv     Conv             0.014  0.200\n"
              "  /Slice_1       Slice                   0.038\n"
              "  /Slice_2       Slice                   0.032\n"
              "  /skip/Conv     Conv, Add        0.004  0.115\n"
              "  /DepthToSpace  DepthToSpace            0.098\n"
              "  12 layers fused, 0 nodes not: 0.270 GFLOP, 2.62 MB\n"
              "  folded away: Cast, Concat, Constant x 16, ConstantOfShape, Reshape x 2, Slice, Transpose\n");
}

}  // namespace
}  // namespace millrace::app
