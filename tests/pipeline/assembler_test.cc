#include "pipeline/assembler.h"

#include <gtest/gtest.h>
// After gtest.
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

namespace millrace::pipeline {
namespace {

using Outputs = std::vector<device::Tensor>;

device::BufferPool make_pool() {
    return {device::DeviceId{}, "test tensors", std::numeric_limits<std::size_t>::max() / 2};
}

FrameTag tag_of(std::int64_t ordinal) { return {ordinal, 1000 + ordinal, 40, nullptr}; }

std::vector<std::int64_t> shuffled(std::int64_t count, std::uint32_t seed) {
    std::vector<std::int64_t> order(static_cast<std::size_t>(count));
    std::iota(order.begin(), order.end(), 0);
    std::mt19937 random(seed);
    std::shuffle(order.begin(), order.end(), random);
    return order;
}

RC_GTEST_PROP(Assembler, AnyOrderBecomesPresentationOrder, ()) {
    const auto count = *rc::gen::inRange<std::int64_t>(1, 40);
    Assembler assembler(nullptr);
    std::int64_t next = 0;
    for (const std::int64_t ordinal : shuffled(count, *rc::gen::arbitrary<std::uint32_t>())) {
        assembler.add({tag_of(ordinal), device::Picture{}});
        while (const auto frame = assembler.next()) {
            RC_ASSERT(frame->tag.ordinal == next);
            RC_ASSERT(frame->tag.pts == 1000 + next);
            ++next;
        }
    }
    RC_ASSERT(next == count);
}

TEST(Assembler, AFrameWaitsForThoseBeforeIt) {
    Assembler assembler(nullptr);
    EXPECT_FALSE(assembler.next().has_value());
    assembler.add({tag_of(1), device::Picture{}});
    EXPECT_FALSE(assembler.next().has_value());
    assembler.add({tag_of(0), device::Picture{}});
    EXPECT_EQ(assembler.next()->tag.ordinal, 0);
    EXPECT_EQ(assembler.next()->tag.ordinal, 1);
    EXPECT_FALSE(assembler.next().has_value());
}

ModelPlan tiled_plan(infer::Layout layout, int scale) {
    ModelPlan plan;
    plan.model.layout = layout;
    plan.model.tile = infer::TileSetting{{16, 12}, 2};
    plan.model.output = infer::OutputKind::picture;
    plan.model.result_output = 1;  // the picture need not be the first output
    plan.frame = {37, 29};
    plan.input = plan.model.tile->size;
    plan.scale = scale;
    return plan;
}

// Every element of a frame is different, and different from those of other frames.
device::Tensor make_frame(device::BufferPool& pool, infer::Layout layout, infer::Size size, std::int64_t number) {
    std::vector<std::int64_t> shape{3, size.height, size.width};
    if (layout == infer::Layout::nhwc) shape = {size.height, size.width, 3};
    device::Tensor tensor = device::lease_tensor(pool, {core::DType::float32, shape});
    std::iota(tensor.as<float>(), tensor.as<float>() + tensor.desc.element_count(),
              static_cast<float>(number * 1'000'000));
    return tensor;
}

// The result of one run with one slot: an unused output, and the tile of `frame` as a model that changes nothing gives
// it.
FrameResult run_tile(device::BufferPool& pool, const infer::TilePlan& tiles, const device::Tensor& frame,
                     std::pair<std::int64_t, int> place) {
    std::vector<std::int64_t> shape{1, 3, tiles.tile.height, tiles.tile.width};
    if (tiles.layout == infer::Layout::nhwc) shape = {1, tiles.tile.height, tiles.tile.width, 3};
    Outputs outputs(2);
    outputs[1] = device::lease_tensor(pool, {core::DType::float32, shape});
    infer::gather_tile(device::host_stream(), tiles, static_cast<std::size_t>(place.second), frame, outputs[1].at(0));
    return {tag_of(place.first), ModelResult{place.second, 0, std::make_shared<const Outputs>(std::move(outputs))}};
}

RC_GTEST_PROP(Assembler, TilesOfSeveralFramesInAnyOrderBecomeWholeFrames, ()) {
    constexpr std::int64_t frame_count = 3;
    const auto layout = *rc::gen::element(infer::Layout::nchw, infer::Layout::nhwc);
    const ModelPlan plan = tiled_plan(layout, 1);
    const infer::TilePlan tiles = infer::plan_tiles(plan.model, plan.frame);
    const auto tile_count = static_cast<std::int64_t>(tiles.tiles.size());
    RC_ASSERT(tile_count > 4);
    device::BufferPool pool = make_pool();
    std::vector<device::Tensor> frames;
    for (std::int64_t i = 0; i < frame_count; ++i) frames.push_back(make_frame(pool, layout, plan.frame, i));

    Assembler assembler(&plan);
    std::int64_t next = 0;
    for (const std::int64_t at : shuffled(frame_count * tile_count, *rc::gen::arbitrary<std::uint32_t>())) {
        const std::int64_t ordinal = at / tile_count;
        assembler.add(run_tile(pool, tiles, frames[static_cast<std::size_t>(ordinal)],
                               {ordinal, static_cast<int>(at % tile_count)}));
        while (const auto whole = assembler.next()) {
            RC_ASSERT(whole->tag.ordinal == next);
            const auto& result = std::get<ModelResult>(whole->content);
            const device::Tensor tensor = result.outputs->at(1).at(result.slot);
            const device::Tensor& expected = frames[static_cast<std::size_t>(next)];
            RC_ASSERT(tensor.desc == expected.desc);
            RC_ASSERT(std::equal(expected.as<float>(), expected.as<float>() + expected.desc.element_count(),
                                 tensor.as<float>()));
            ++next;
        }
    }
    RC_ASSERT(next == frame_count);
}

}  // namespace
}  // namespace millrace::pipeline
