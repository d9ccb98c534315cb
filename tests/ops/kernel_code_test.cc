// The code of the CUDA kernels, run here by loops that stand for threads: the same bytes as the host's version. What
// remains for a GPU to show is what loops cannot: launches, shuffles, shared memory, its own instructions.

#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "ops/cases.h"
#include "ops/support.h"
#include "ops/to_picture.h"
#include "ops/to_picture_pixel.h"
#include "ops/to_picture_strip.h"
#include "ops/to_tensor.h"
#include "ops/to_tensor_pixel.h"
#include "ops/to_tensor_strip.h"

namespace millrace::ops::test {
namespace {

constexpr int cases = 1500;

device::BufferPool make_pool() { return {device::DeviceId{}, "tests", std::size_t{1} << 30U}; }

WeightsView view_of(const AxisWeights& axis) {
    return {axis.first.data(), axis.weights.data(), static_cast<std::int64_t>(axis.stride), axis.taps};
}

bool same(const device::Tensor& a, const device::Tensor& b) {
    return std::memcmp(a.data, b.data, a.desc.byte_count()) == 0;
}

template <class S, class T>
void convert_strips(const ToTensorArgs& a) {
    for (int y = 0; y < a.in.height; y += 2) {
        for (int x = 0; x < a.in.width; x += both::strip_pixels<T>) {
            if (a.out.channels == Channels::luma) {
                both::convert_luma_strip<S, T>(a, x, y);
            } else if (a.in.log2_h == 1) {
                both::convert_strip<S, T, 1, 1>(a, x, y);
            } else if (a.in.log2_w == 1) {
                both::convert_strip<S, T, 1, 0>(a, x, y);
            } else {
                both::convert_strip<S, T, 0, 0>(a, x, y);
            }
        }
    }
}

template <class S, class T>
void convert(const ToTensorPlan& plan, const ToTensorArgs& a) {
    // Strips of packed pixels meet in shared memory.
    if (takes_strips(plan, a) && a.out.packed == 0) {
        convert_strips<S, T>(a);
        return;
    }
    for (int y = 0; y < a.out.height; ++y) {
        for (int x = 0; x < a.out.width; ++x) both::put_color<T>(a, x, y, both::tensor_color<S>(a, x, y));
    }
}

template <class Run>
void for_types(int depth, core::DType dtype, Run run) {
    const bool half = dtype == core::DType::float16;
    if (depth == 8) {
        half ? run(std::uint8_t{}, std::uint16_t{}) : run(std::uint8_t{}, float{});
    } else {
        half ? run(std::uint16_t{}, std::uint16_t{}) : run(std::uint16_t{}, float{});
    }
}

TEST(KernelCode, ToTensorGivesTheHostsBytes) {
    std::mt19937 random(21);
    device::BufferPool pool = make_pool();
    int strips = 0;
    for (int i = 0; i < cases; ++i) {
        const TensorCase c = any_tensor_case(random);
        const Canvas canvas = make_canvas(pool, c.input, i % 4 == 0 ? Rows::loose : Rows::aligned);
        fill(canvas, random);
        const ToTensor op(c.input, c.spec, c.resize);
        const device::Tensor expected = device::lease_tensor(pool, op.output());
        const device::Tensor ours = device::lease_tensor(pool, op.output());
        std::memset(ours.data, 0x5A, op.output().byte_count());
        op.run(device::host_stream(), canvas.picture, expected);
        const ToTensorPlan plan = plan_to_tensor(c.input, c.spec, c.resize);
        ToTensorArgs args = to_tensor_args(plan, canvas.picture, ours);
        if (plan.resize) {
            args.x = view_of(plan.resize->x);
            args.y = view_of(plan.resize->y);
        }
        for_types(c.input.format.depth, c.spec.dtype,
                  [&](auto sample, auto element) { convert<decltype(sample), decltype(element)>(plan, args); });
        ASSERT_TRUE(same(ours, expected)) << describe(c) << (takes_strips(plan, args) ? ", strips" : "");
        strips += takes_strips(plan, args) ? 1 : 0;
    }
    EXPECT_GT(strips, cases / 10);
}

/// A case with elements that packed pixels can have; false: it cannot be made one.
bool packs(TensorSpec& spec, Packing packing) {
    if (spec.channels != Channels::rgb && spec.channels != Channels::bgr) return false;
    spec.dtype = core::DType::float16;
    spec.layout = Layout::nchw;
    spec.packing = packing;
    return true;
}

TensorSpec unpacked(TensorSpec spec) {
    spec.packing.reset();
    return spec;
}

TEST(KernelCode, PackedPixelsAreTheHostsPlanes) {
    std::mt19937 random(24);
    device::BufferPool pool = make_pool();
    int seen = 0;
    for (int i = 0; i < cases; ++i) {
        TensorCase c = any_tensor_case(random);
        const Packing packing{i % 2 == 0 ? 8 : 16, 1};
        if (!packs(c.spec, packing)) continue;
        ++seen;
        const Canvas canvas = make_canvas(pool, c.input, i % 4 == 0 ? Rows::loose : Rows::aligned);
        fill(canvas, random);
        const ToTensor op(c.input, unpacked(c.spec), c.resize);
        const device::Tensor planes = device::lease_tensor(pool, op.output());
        op.run(device::host_stream(), canvas.picture, planes);
        const ToTensorPlan plan = plan_to_tensor(c.input, c.spec, c.resize);
        const device::Tensor ours = device::lease_tensor(pool, plan.output);
        ToTensorArgs args = to_tensor_args(plan, canvas.picture, ours);
        if (plan.resize) {
            args.x = view_of(plan.resize->x);
            args.y = view_of(plan.resize->y);
        }
        for_types(c.input.format.depth, c.spec.dtype,
                  [&](auto sample, auto element) { convert<decltype(sample), decltype(element)>(plan, args); });
        ASSERT_TRUE(same(ours, packed(pool, planes, packing, 0))) << describe(c);
    }
    EXPECT_GT(seen, cases / 10);
}

/// Whether the strips that a resize reads are the colours of their pixels.
template <class S, int W, int H>
bool strips_are_colors(const ToTensorArgs& a) {
    constexpr int pixels = 4;
    for (int y = 0; y < a.in.height; y += 2) {
        for (int x = 0; x < a.in.width; x += pixels) {
            both::TwoRows<pixels, W> strip;
            both::load_strip<S, pixels, W, H>(a, x, y, strip);
            for (int r = 0; r < 2 && y + r < a.in.height; ++r) {
                both::StripRow<pixels> row;
                both::rgb_row(a.strip, strip.luma[r], strip.chroma[r], row);
                for (int i = 0; i < pixels; ++i) {
                    const Triple color = both::color_at<S>(a, x + i, y + r);
                    const std::array<float, 3> expected{color.a, color.b, color.c};
                    for (std::size_t k = 0; k < expected.size(); ++k) {
                        if (both::bits_of(row.color[k][i]) != both::bits_of(expected.at(k))) return false;
                    }
                }
            }
        }
    }
    return true;
}

template <class S>
bool strips_are_colors(const ToTensorArgs& a) {
    if (a.in.log2_h == 1) return strips_are_colors<S, 1, 1>(a);
    return a.in.log2_w == 1 ? strips_are_colors<S, 1, 0>(a) : strips_are_colors<S, 0, 0>(a);
}

TEST(KernelCode, StripsOfAResizeAreTheColorsOfTheirPixels) {
    std::mt19937 random(23);
    device::BufferPool pool = make_pool();
    int strips = 0;
    for (int i = 0; i < cases; ++i) {
        const TensorCase c = any_tensor_case(random);
        const bool rgb = c.spec.channels == Channels::rgb || c.spec.channels == Channels::bgr;
        const Canvas canvas = make_canvas(pool, c.input, Rows::aligned);
        fill(canvas, random);
        const ToTensorPlan plan = plan_to_tensor(c.input, c.spec, c.resize);
        const device::Tensor tensor = device::lease_tensor(pool, plan.output);
        const ToTensorArgs args = to_tensor_args(plan, canvas.picture, tensor);
        if (!rgb || args.in.family != core::ColorFamily::yuv || args.in.width % 4 != 0) continue;
        ++strips;
        ASSERT_TRUE(c.input.format.depth == 8 ? strips_are_colors<std::uint8_t>(args)
                                              : strips_are_colors<std::uint16_t>(args))
            << describe(c);
    }
    EXPECT_GT(strips, cases / 10);
}

template <class T>
both::Pair chroma_beside(const ToPictureArgs& a, int x, int y) {
    T elements[3];
    both::load_pixel<T>(a, both::clamp_to(x, a.out.width), y, elements);
    return both::chroma_of_pixel<T>(a, elements);
}

/// The strips of one block, as the kernel shares them: rows above and below, neighbours' chroma.
template <class S, class T, int W, int H>
void put_strips(const ToPictureArgs& a, both::NanCount& nan) {
    constexpr int pixels = both::strip_pixels<T>;
    constexpr int samples = pixels >> W;
    for (int x = 0; x < a.out.width; x += pixels) {
        std::vector<both::ChromaRow<samples>> halves;
        for (int y = -1; y < a.out.height + 2; ++y) {
            const int row = both::clamp_to(y, a.out.height);
            both::RawRow raw;
            both::load_elements<T>(a, x, row, raw);
            both::ChromaRow<pixels> chroma;
            both::read_row<S, T>(a, x, y, raw, row == y ? both::RowUse::own : both::RowUse::chroma, nan, chroma);
            const both::Pair before = chroma_beside<T>(a, x - 1, row);
            const both::Pair after = chroma_beside<T>(a, x + pixels, row);
            both::ChromaRow<samples> half;
            both::down_row<pixels, W>(a, chroma, before, after, half);
            if (H == 0 && row == y) both::store_chroma<S, samples>(a, x >> W, y, half);
            halves.push_back(half);
        }
        for (int y = 0; H == 1 && y < a.out.chroma_height; ++y) {
            both::ChromaRow<samples> out;
            both::down_strip(a.out.down, halves.data() + std::ptrdiff_t{2} * y, out);
            both::store_chroma<S, samples>(a, x >> W, y, out);
        }
    }
}

template <class S, class T>
void put_luma_strips(const ToPictureArgs& a, both::NanCount& nan) {
    for (int y = 0; y < a.out.height; ++y) {
        for (int x = 0; x < a.out.width; x += both::strip_pixels<T>) both::put_luma_strip<S, T>(a, x, y, nan);
    }
    if (a.out.family != core::ColorFamily::yuv) return;
    for (int y = 0; y < a.out.chroma_height; ++y) {
        for (int x = 0; x < a.out.chroma_width; ++x) {
            both::put_chroma<S>(a, x, y, both::own_chroma(a.chroma, x, y));
        }
    }
}

template <class S, class T>
void put(const ToPicturePlan& plan, const ToPictureArgs& a, both::NanCount& nan) {
    if (!takes_strips(plan, a)) {
        const bool yuv = a.out.family == core::ColorFamily::yuv;
        for (int y = 0; y < (yuv ? a.out.chroma_height : a.out.height); ++y) {
            for (int x = 0; x < (yuv ? a.out.chroma_width : a.out.width); ++x) both::put_cell<S, T>(a, x, y, nan);
        }
    } else if (a.in.channels == Channels::luma) {
        put_luma_strips<S, T>(a, nan);
    } else if (a.out.log2_h == 1) {
        put_strips<S, T, 1, 1>(a, nan);
    } else if (a.out.log2_w == 1) {
        put_strips<S, T, 1, 0>(a, nan);
    } else {
        put_strips<S, T, 0, 0>(a, nan);
    }
}

/// What the kernels' code writes, and what it must be. Borrowed.
struct Written {
    const Canvas& ours;
    const Canvas& expected;
    std::int64_t nan_count;
};

void check_put(const PictureCase& c, const ToPicturePlan& plan, const ToPictureArgs& args, const Written& written) {
    both::NanCount nan;
    for_types(c.output.format.depth, c.spec.dtype,
              [&](auto sample, auto element) { put<decltype(sample), decltype(element)>(plan, args, nan); });
    ASSERT_TRUE(same(written.ours.block, written.expected.block))
        << describe(c) << (takes_strips(plan, args) ? ", strips" : "");
    ASSERT_EQ(static_cast<std::int64_t>(nan.seen), written.nan_count) << describe(c);
}

TEST(KernelCode, PicturesOfPackedPixelsAreThoseOfPlanes) {
    std::mt19937 random(25);
    device::BufferPool pool = make_pool();
    int strips = 0;
    for (int i = 0; i < cases; ++i) {
        PictureCase c = any_picture_case(random);
        const Packing packing =
            std::array{Packing{8, 1}, Packing{16, 1}, Packing{16, 2}}.at(static_cast<std::size_t>(i % 3));
        if (!packs(c.spec, packing) || c.tensor_width % 2 != 0 || c.tensor_height % 2 != 0) continue;
        const TensorSpec planar = unpacked(c.spec);
        const device::Tensor planes = device::lease_tensor(pool, tensor_desc(c));
        fill(planes, random, i % 4 == 0 ? 7 : 0);
        const device::Tensor tensor = packed(pool, planes, packing, 0x7E00);
        const Canvas expected = make_canvas(pool, c.output, i % 4 == 0 ? Rows::loose : Rows::aligned);
        const Canvas ours = make_canvas(pool, c.output, i % 4 == 0 ? Rows::loose : Rows::aligned);
        fill(expected, random);
        std::memcpy(ours.block.data, expected.block.data, ours.block.desc.byte_count());
        const ToPicture op(planar, c.tensor_width, c.tensor_height, c.output);
        const ToPictureResult result = op.run(device::host_stream(), planes, nullptr, expected.picture);
        const ToPicturePlan plan = plan_to_picture(c.spec, c.tensor_width, c.tensor_height, c.output);
        const ToPictureArgs args = to_picture_args(plan, tensor, nullptr, ours.picture);
        ASSERT_NO_FATAL_FAILURE(check_put(c, plan, args, {ours, expected, result.nan_count}));
        strips += takes_strips(plan, args) ? 1 : 0;
    }
    EXPECT_GT(strips, cases / 50);
}

TEST(KernelCode, ToPictureGivesTheHostsBytesAndNanCounts) {
    std::mt19937 random(22);
    device::BufferPool pool = make_pool();
    int strips = 0;
    for (int i = 0; i < cases; ++i) {
        const PictureCase c = any_picture_case(random);
        const Rows rows = i % 4 == 0 ? Rows::loose : Rows::aligned;
        const device::Tensor tensor = device::lease_tensor(pool, tensor_desc(c));
        fill(tensor, random, i % 3 == 0 ? 7 : 0);
        const Canvas expected = make_canvas(pool, c.output, rows);
        const Canvas ours = make_canvas(pool, c.output, rows);
        fill(expected, random);
        std::memcpy(ours.block.data, expected.block.data, ours.block.desc.byte_count());
        std::optional<Canvas> source;
        if (c.chroma) {
            source = make_canvas(pool, *c.chroma, rows);
            fill(*source, random);
        }
        const ToPicture op(c.spec, c.tensor_width, c.tensor_height, c.output);
        const ToPictureResult result =
            op.run(device::host_stream(), tensor, source ? &source->picture : nullptr, expected.picture);
        EXPECT_EQ(result.nan_count, count_nan(tensor, c.spec.layout, c.output.width, c.output.height)) << describe(c);
        EXPECT_EQ(op.nan_count(), result.nan_count);

        const ToPicturePlan plan = plan_to_picture(c.spec, c.tensor_width, c.tensor_height, c.output);
        std::optional<ChromaPlan> chroma;
        std::optional<BorrowedChroma> borrowed;
        if (source && c.output.format.family != core::ColorFamily::gray) {
            chroma = plan_chroma(*c.chroma, c.output);
            borrowed.emplace(BorrowedChroma{*chroma, source->picture});
        }
        ToPictureArgs args = to_picture_args(plan, tensor, borrowed ? &*borrowed : nullptr, ours.picture);
        if (args.chroma.borrowed) {
            args.chroma.x = view_of(chroma->x);
            args.chroma.y = view_of(chroma->y);
        }
        ASSERT_NO_FATAL_FAILURE(check_put(c, plan, args, {ours, expected, result.nan_count}));
        strips += takes_strips(plan, args) ? 1 : 0;
    }
    EXPECT_GT(strips, cases / 10);
}

}  // namespace
}  // namespace millrace::ops::test
