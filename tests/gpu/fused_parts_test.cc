// Models of which some nodes are not fused, on a GPU against the same models on the CPU. For machines with a GPU:
// elsewhere these fail. gpu/model_rig.h says which libraries these take.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include "gpu/model_rig.h"
#include "infer/engine_runtime.h"
#include "infer/fused_models.h"
#include "support/temporary_folder.h"

namespace millrace::infer::fused {
namespace {

using test::Bytes;
using test::Rig;
using TemporaryFolder = millrace::test::TemporaryFolder;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

/// A model and what a session says of it.
struct Case {
    std::string name;
    std::function<void(ModelMaker& model)> make;
    std::string said;
    friend std::ostream& operator<<(std::ostream& stream, const Case& one) { return stream << one.name; }
};

std::string conv(ModelMaker& model, const std::string& input, int in, int out) {
    return model.conv(input, in, out, 3, "pads=1,1,1,1");
}

std::string block(ModelMaker& model, const std::string& input, int in, int out) {
    return model.node("Relu", {conv(model, input, in, out)});
}

void in_the_middle(ModelMaker& model) {
    const std::string soft = model.node("Softmax", {block(model, block(model, "input", 3, 32), 32, 32)}, "axis=1");
    model.output(conv(model, block(model, soft, 32, 32), 32, 3));
}

void at_the_end(ModelMaker& model) {
    std::string x = block(model, block(model, "input", 3, 32), 32, 40);
    x = model.node("Softmax", {model.node("Flatten", {model.node("GlobalAveragePool", {x})})}, "axis=1");
    model.output(model.node("TopK", {x, model.integers({5})}), 2);
    (void)model.another_output();
}

/// What the first part makes is read by both others, so that halves go from one net to the other.
void around(ModelMaker& model) {
    const std::string first = block(model, block(model, "input", 3, 32), 32, 32);
    const std::string middle = model.node("Elu", {conv(model, first, 32, 32)});
    model.output(conv(model, block(model, model.node("Concat", {first, middle}, "axis=1"), 64, 32), 32, 3));
}

void several_outputs(ModelMaker& model) {
    const std::string picture = block(model, block(model, "input", 3, 32), 32, 32);
    const std::string soft = model.node("Softmax", {picture}, "axis=1");
    model.output(conv(model, block(model, soft, 32, 32), 32, 3));
    model.output(soft);
    model.output(picture);
    model.output(model.node("Flatten", {picture}), 2);
}

void turned(ModelMaker& model) {
    std::string x = model.node("Transpose", {block(model, block(model, "input", 3, 32), 32, 32)}, "perm=0,2,3,1");
    const std::string scale = model.weights_between({32}, 0.5, 1.5);
    x = model.node("LayerNormalization", {x, scale, model.weights({32})});
    x = model.node("Transpose", {x}, "perm=0,3,1,2");
    model.output(conv(model, block(model, x, 32, 32), 32, 3));
}

std::vector<Case> cases() {
    return {{"in_the_middle", in_the_middle,
             "fused layers: 7 of 8 nodes in 2 parts, .* ms; 1 node in 1 part left to ONNX Runtime: Softmax "
             "'Softmax4': Softmax is not among what is fused"},
            {"at_the_end", at_the_end,
             "fused layers: 6 of 8 nodes in 1 part, .* ms; 2 nodes in 1 part left to ONNX Runtime: Softmax .* .1 "
             "more."},
            {"around", around, "fused layers: 9 of 10 nodes in 2 parts, .* ms; 1 node in 1 part .* Elu .*"},
            {"several_outputs", several_outputs, "fused layers: 8 of 9 nodes in 2 parts, .*"},
            {"turned", turned, "fused layers: 7 of 10 nodes in 2 parts, .* ms; 3 nodes in 1 part left .*"}};
}

class Model {
  public:
    Model(const Case& one, const Shape& shape) : size_{static_cast<int>(shape[3]), static_cast<int>(shape[2])} {
        ModelMaker maker({-1, 3, -1, -1});
        one.make(maker);
        const std::filesystem::path path = std::filesystem::path(folder_.path()) / "model.onnx";
        std::ofstream(path, std::ios::binary) << maker.bytes();
        request_ = fused_request(path, shape);
    }
    [[nodiscard]] std::unique_ptr<Session> on_cpu() const { return test::session_of(request_, size_); }
    [[nodiscard]] std::unique_ptr<Session> on_gpu() const {
        ModelRequest request = request_;
        request.device = device::test::gpu;
        return test::session_of(with_engine(request, *load_fused(request.runtime_library), plans_.path()), size_);
    }

  private:
    TemporaryFolder folder_;
    TemporaryFolder plans_;
    ModelRequest request_;
    Size size_;
};

class GpuFusedParts : public ::testing::TestWithParam<Case> {};

TEST_P(GpuFusedParts, GiveTheCpusResults) {
    const Model model(GetParam(), {3, 3, 61, 83});
    const auto here = model.on_cpu();
    const auto there = model.on_gpu();
    ASSERT_EQ(there->output_descs(), here->output_descs());
    Rig rig;
    const device::Tensor input = rig.input(here->input_descs().front(), 1);
    const std::vector<Bytes> expected = rig.run_all(*here, input);
    const std::vector<Bytes> found = rig.run_all(*there, input);
    for (std::size_t i = 0; i < expected.size(); ++i) {
        const double decibels = test::compare(here->output_descs()[i], expected[i], found[i]).decibels;
        EXPECT_GT(decibels, 50) << i;
        std::cout << "output " << i << ": " << decibels << " dB\n" << std::flush;
    }
    const SessionReport report = there->report();
    EXPECT_THAT(report.fallbacks, IsEmpty());
    ASSERT_EQ(report.notes.size(), 1U);
    EXPECT_THAT(report.notes.front(), MatchesRegex(GetParam().said));
    std::cout << report.notes.front() << "\n" << std::flush;
}

TEST_P(GpuFusedParts, GiveTheSameBytesEveryTime) {
    const Model model(GetParam(), {2, 3, 90, 70});
    const auto chosen = model.on_gpu();
    Rig rig;
    const device::Tensor input = rig.input(chosen->input_descs().front(), 1);
    const std::vector<Bytes> expected = rig.run_all(*chosen, input);
    for (unsigned seed = 2; seed < 5; ++seed) {
        (void)rig.run_all(*chosen, rig.input(chosen->input_descs().front(), seed));
        EXPECT_EQ(rig.run_all(*chosen, input), expected);
    }
    EXPECT_EQ(rig.run_all(*model.on_gpu(), input), expected) << "with the same plans";
}

TEST_P(GpuFusedParts, APlaceInTheBatchChangesNothing) {
    const Model model(GetParam(), {4, 3, 45, 60});
    const auto session = model.on_gpu();
    Rig rig;
    const device::Tensor input = rig.input(session->input_descs().front(), 1);
    for (std::int64_t i = 1; i < 4; ++i) {
        std::copy_n(input.at(0).data, input.at(0).desc.byte_count(), input.at(i).data);
    }
    for (const Bytes& found : rig.run_all(*session, input)) {
        const auto frame = static_cast<std::ptrdiff_t>(found.size() / 4);
        for (std::ptrdiff_t i = 1; i < 4; ++i) {
            EXPECT_TRUE(std::equal(found.begin(), found.begin() + frame, found.begin() + i * frame)) << i;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(, GpuFusedParts, ::testing::ValuesIn(cases()),
                         [](const ::testing::TestParamInfo<Case>& one) { return one.param.name; });

}  // namespace
}  // namespace millrace::infer::fused
