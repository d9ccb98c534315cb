// When frames reach a model as its layers have them.

#include "engine/borders.h"

#include <gtest/gtest.h>

#include "support/fake_session.h"

namespace millrace::engine {
namespace {

using infer::Borders;
using infer::PackedPicture;
using millrace::test::fake_model;

constexpr std::size_t plenty = std::size_t{1} << 30U;

/// A session that only says what it takes.
class Saying final : public infer::Session {
  public:
    explicit Saying(Borders borders) { report_.borders = std::move(borders); }

    [[nodiscard]] const infer::ModelDescription& model() const override { return model_; }
    [[nodiscard]] const std::vector<core::TensorDesc>& input_descs() const override { return descs_; }
    [[nodiscard]] const std::vector<core::TensorDesc>& output_descs() const override { return descs_; }
    [[nodiscard]] device::StreamRef stream() const override { return device::host_stream(); }
    void run(device::StreamRef /*stream*/, const infer::RunTensors& /*tensors*/) override {}
    [[nodiscard]] infer::SessionReport report() const override { return report_; }

  private:
    infer::ModelDescription model_ = fake_model();
    std::vector<core::TensorDesc> descs_;
    infer::SessionReport report_;
};

Borders both() {
    return {PackedPicture{{core::DType::float16, {1, 6, 8, 16}}, 1},
            PackedPicture{{core::DType::float16, {1, 6, 8, 16}}, 2}};
}

std::vector<std::unique_ptr<infer::Session>> sessions(const std::vector<Borders>& saying) {
    std::vector<std::unique_ptr<infer::Session>> made;
    for (const Borders& borders : saying) made.push_back(std::make_unique<Saying>(borders));
    return made;
}

pipeline::ModelPlan plan() {
    pipeline::ModelPlan plan;
    plan.model = fake_model();
    return plan;
}

TEST(EngineBorders, AreWhatAllSessionsOffer) {
    EXPECT_EQ(borders_for(plan(), sessions({both()}), plenty), both());
    EXPECT_EQ(borders_for(plan(), sessions({both(), both()}), plenty), both());
    EXPECT_EQ(borders_for(plan(), sessions({both(), {}}), plenty), Borders());
    EXPECT_EQ(borders_for(plan(), {}, plenty), Borders());
}

TEST(EngineBorders, AreNotThereWhereFramesAreMoreThanConverted) {
    const auto with = [](auto change) {
        pipeline::ModelPlan changed = plan();
        change(changed.model);
        return borders_for(changed, sessions({both()}), plenty);
    };
    EXPECT_EQ(with([](auto& model) { model.window = {1, 1}; }), Borders());
    EXPECT_EQ(with([](auto& model) { model.tile = infer::TileSetting{{64, 64}, 8}; }), Borders());
    EXPECT_EQ(with([](auto& model) { model.color = infer::InputColor::luma; }), Borders());
    EXPECT_EQ(with([](auto& model) { model.states = {{1, 1}}; }), Borders());
    EXPECT_EQ(with([](auto& model) { model.layout = infer::Layout::nhwc; }), Borders());
    EXPECT_EQ(with([](auto& model) { model.input_size = infer::Size{224, 224}; }),
              (Borders{std::nullopt, both().output}));
    EXPECT_EQ(with([](auto& model) { model.output = infer::OutputKind::data; }), (Borders{both().input, std::nullopt}));
}

TEST(EngineBorders, ResultsStayPlanesWhereMemoryIsShort) {
    const std::size_t three = std::size_t{3} * 6 * 8 * 16 * 2;
    EXPECT_EQ(borders_for(plan(), sessions({both()}), three), both());
    EXPECT_EQ(borders_for(plan(), sessions({both()}), three - 1), (Borders{both().input, std::nullopt}));
}

}  // namespace
}  // namespace millrace::engine
