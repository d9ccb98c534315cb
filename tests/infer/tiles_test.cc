#include "infer/tiles.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <vector>

#include "infer/model_fixture.h"
#include "infer/session.h"

namespace millrace::infer {
namespace {

ModelDescription tiled(Size size, int overlap, int multiple = 1) {
    ModelDescription model;
    model.tile = TileSetting{size, overlap};
    model.size_multiple = multiple;
    return model;
}

int round_up(int value, int multiple) { return (value + multiple - 1) / multiple * multiple; }

/// A case with sizes that meet every kind of edge.
struct Case {
    ModelDescription model;
    Size frame;
};

Case any_case() {
    const int multiple = *rc::gen::element(1, 1, 2, 8);
    const int overlap = *rc::gen::inRange(0, 9);
    const int least = 2 * round_up(overlap, multiple) / multiple + 1;
    const auto side = [&] { return multiple * *rc::gen::inRange(least, least + 12); };
    Case chosen{tiled({side(), side()}, overlap, multiple), {*rc::gen::inRange(1, 200), *rc::gen::inRange(1, 120)}};
    if (*rc::gen::element(0, 1) == 1) chosen.model.input_size = chosen.model.tile->size;
    chosen.model.layout = *rc::gen::element(Layout::nchw, Layout::nhwc);
    return chosen;
}

RC_GTEST_PROP(Tiles, KeepEveryPixelOnceAndFarEnoughInside, ()) {
    const auto [model, frame] = any_case();
    const TilePlan plan = plan_tiles(model, frame);
    const Size padded{round_up(frame.width, model.size_multiple), round_up(frame.height, model.size_multiple)};
    std::vector<int> kept(static_cast<std::size_t>(frame.width) * static_cast<std::size_t>(frame.height));
    for (const Tile& tile : plan.tiles) {
        const Rect& keep = tile.keep;
        RC_ASSERT(tile.x % model.size_multiple == 0 && tile.y % model.size_multiple == 0 && tile.x >= 0 && tile.y >= 0);
        RC_ASSERT(keep.width > 0 && keep.height > 0);
        RC_ASSERT(keep.x + keep.width <= frame.width && keep.y + keep.height <= frame.height);
        // Not over the padded frame's edge, unless the frame is smaller than the tile.
        RC_ASSERT(tile.x + plan.tile.width <= std::max(padded.width, plan.tile.width));
        RC_ASSERT(tile.y + plan.tile.height <= std::max(padded.height, plan.tile.height));
        const int overlap = model.tile->overlap;
        RC_ASSERT(keep.x - tile.x >= (tile.x == 0 ? 0 : overlap) && keep.y - tile.y >= (tile.y == 0 ? 0 : overlap));
        const int right = tile.x + plan.tile.width;
        const int bottom = tile.y + plan.tile.height;
        RC_ASSERT(right - keep.x - keep.width >= (right >= padded.width ? 0 : overlap));
        RC_ASSERT(bottom - keep.y - keep.height >= (bottom >= padded.height ? 0 : overlap));
        for (int y = keep.y; y < keep.y + keep.height; ++y) {
            const auto row = static_cast<std::size_t>(y) * static_cast<std::size_t>(frame.width);
            for (int x = keep.x; x < keep.x + keep.width; ++x) ++kept[row + static_cast<std::size_t>(x)];
        }
    }
    RC_ASSERT(std::ranges::all_of(kept, [](int times) { return times == 1; }));
}

RC_GTEST_PROP(Tiles, GatherThenScatterGivesTheFrameBack, ()) {
    const auto [model, frame] = any_case();
    const TilePlan plan = plan_tiles(model, frame);
    const auto dtype = *rc::gen::element(core::DType::float32, core::DType::float16, core::DType::uint8);
    const auto shape = [layout = model.layout](Size size) {
        return layout == Layout::nchw ? std::vector<std::int64_t>{3, size.height, size.width}
                                      : std::vector<std::int64_t>{size.height, size.width, 3};
    };
    const Tensors tensors = lease_all({{dtype, shape(frame)}, {dtype, shape(frame)}, {dtype, shape(plan.tile)}});
    for (std::size_t i = 0; i < tensors[0].desc.byte_count(); ++i)
        tensors[0].data[i] = static_cast<std::byte>(i * 7 % 251);
    std::memset(tensors[1].data, 0xff, tensors[1].desc.byte_count());
    for (std::size_t i = 0; i < plan.tiles.size(); ++i) {
        gather_tile(device::host_stream(), plan, i, tensors[0], tensors[2]);
        scatter_tile(device::host_stream(), plan, i, tensors[2], tensors[1]);
    }
    RC_ASSERT(std::memcmp(tensors[0].data, tensors[1].data, tensors[0].desc.byte_count()) == 0);
}

TEST(Tiles, WhatLiesOutsideRepeatsTheEdge) {
    ModelDescription model = tiled({4, 4}, 1);
    model.input_size = Size{4, 4};
    const TilePlan plan = plan_tiles(model, {3, 2});
    ASSERT_EQ(plan.tiles.size(), 1U);
    const Tensors tensors = lease_all({{core::DType::uint8, {1, 2, 3}}, {core::DType::uint8, {1, 4, 4}}});
    std::iota(tensors[0].as<std::uint8_t>(), tensors[0].as<std::uint8_t>() + 6, std::uint8_t{1});
    gather_tile(device::host_stream(), plan, 0, tensors[0], tensors[1]);
    const std::vector<std::uint8_t> expected{1, 2, 3, 3, 4, 5, 6, 6, 4, 5, 6, 6, 4, 5, 6, 6};
    EXPECT_EQ(std::vector<std::uint8_t>(tensors[1].as<std::uint8_t>(), tensors[1].as<std::uint8_t>() + 16), expected);
}

TEST(Tiles, ShrinkToASmallFrameWhereTheModelIsFree) {
    EXPECT_EQ(plan_tiles(tiled({64, 64}, 8, 8), {30, 200}).tile, (Size{32, 64}));
}

TEST(Tiles, ResultsAreScatteredAtTheirScale) {
    const TilePlan plan = plan_tiles(tiled({3, 3}, 1), {5, 3});
    ASSERT_EQ(plan.tiles.size(), 3U);
    const Tensors tensors = lease_all({{core::DType::uint8, {1, 6, 10}}, {core::DType::uint8, {1, 6, 6}}});
    for (std::size_t i = 0; i < 3; ++i) {
        std::memset(tensors[1].data, static_cast<int>(i + 1), 36);
        scatter_tile(device::host_stream(), plan, i, tensors[1], tensors[0]);
    }
    // Kept in x: [0, 2) of the first, [2, 3) of the second, [3, 5) of the last; twice that in the result.
    const std::vector<std::uint8_t> row{1, 1, 1, 1, 2, 2, 3, 3, 3, 3};
    for (int y = 0; y < 6; ++y) {
        const std::uint8_t* begin = tensors[0].as<std::uint8_t>() + static_cast<std::ptrdiff_t>(y) * 10;
        EXPECT_EQ(std::vector<std::uint8_t>(begin, begin + 10), row);
    }
}

/// Runs `session` over `frame`, and returns the picture.
device::Tensor run_whole(Session& session, const device::Tensor& frame) {
    const Tensors inputs = lease_all(session.input_descs());
    Tensors outputs = lease_all(session.output_descs());
    std::memcpy(inputs[0].data, frame.data, frame.desc.byte_count());
    session.run(device::host_stream(), {inputs, outputs});
    return outputs[0].at(0);
}

device::Tensor run_tiled(Session& session, const TilePlan& plan, const device::Tensor& frame) {
    const Tensors inputs = lease_all(session.input_descs());
    Tensors outputs = lease_all(session.output_descs());
    Tensors whole = lease_all({frame.desc});
    for (std::size_t i = 0; i < plan.tiles.size(); ++i) {
        gather_tile(device::host_stream(), plan, i, frame, inputs[0].at(0));
        session.run(device::host_stream(), {inputs, outputs});
        scatter_tile(device::host_stream(), plan, i, outputs[0].at(0), whole[0]);
    }
    return std::move(whole[0]);
}

float largest_difference(const device::Tensor& a, const device::Tensor& b) {
    float largest = 0;
    for (std::int64_t i = 0; i < a.desc.element_count(); ++i) {
        largest = std::max(largest, std::abs(a.as<float>()[i] - b.as<float>()[i]));
    }
    return largest;
}

/// Largest difference of conv_rf (receptive radius 4) in 64x64 tiles of `overlap` from the untiled picture.
float tiling_error(int overlap, Size frame_size) {
    ModelRequest request = test_request("conv_rf.onnx");
    request.overrides["tile"] = "64,64," + std::to_string(overlap);
    const ModelDescription model = describe_model(request);
    const TilePlan plan = plan_tiles(model, frame_size);
    EXPECT_GT(plan.tiles.size(), 4U);
    const Tensors frames = lease_all({{core::DType::float32, {3, frame_size.height, frame_size.width}}});
    for (std::int64_t i = 0; i < frames[0].desc.element_count(); ++i) {
        frames[0].as<float>()[i] = static_cast<float>(i * 2654435761 % 1009) / 1009.0F;
    }
    const auto whole = make_session(request, model, frame_size);
    const auto tile = make_session(request, model, plan.tile);
    return largest_difference(run_whole(*whole, frames[0]), run_tiled(*tile, plan, frames[0]));
}

TEST(Tiles, AConvolutionalNetGivesTheUntiledPicture) {
    // Summation order may differ with the width, nothing else does: a tenth of an LSB of 12 bits.
    EXPECT_LT(tiling_error(4, {200, 131}), 0.1F / 4095.0F);
    EXPECT_LT(tiling_error(8, {200, 131}), 0.1F / 4095.0F);
}

TEST(Tiles, AnOverlapBelowTheReceptiveRadiusShows) { EXPECT_GT(tiling_error(1, {200, 131}), 1.0F / 255.0F); }

}  // namespace
}  // namespace millrace::infer
