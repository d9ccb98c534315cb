#include "pipeline/reframe.h"

#include <gtest/gtest.h>

#include <cstring>

namespace millrace::pipeline {
namespace {

core::PictureDesc desc_of(const core::PixelFormat& format) {
    core::PictureDesc desc;
    desc.width = 5;
    desc.height = 3;
    desc.format = format;
    desc.color = {core::Matrix::bt709, core::Range::limited, 1, 1, core::ChromaSiting::left};
    return desc;
}

void store(const device::Picture& picture, int plane, int x, int y, int value) {
    const device::PlaneView& view = picture.planes.at(static_cast<std::size_t>(plane));
    const int bytes = picture.desc.format.bytes_per_sample();
    std::memcpy(view.data + y * view.pitch + std::ptrdiff_t{x} * bytes, &value, static_cast<std::size_t>(bytes));
}

int load(const device::Picture& picture, int plane, int x, int y) {
    const device::PlaneView& view = picture.planes.at(static_cast<std::size_t>(plane));
    const int bytes = picture.desc.format.bytes_per_sample();
    int value = 0;
    std::memcpy(&value, view.data + y * view.pitch + std::ptrdiff_t{x} * bytes, static_cast<std::size_t>(bytes));
    return value;
}

int value_at(int plane, int x, int y, int depth) { return (1 + 97 * plane + 31 * x + 7 * y) % (1 << depth); }

device::Picture filled(device::BufferPool& pool, const core::PixelFormat& format) {
    device::Picture picture = device::lease_picture(pool, desc_of(format));
    for (int plane = 0; plane < 3; ++plane) {
        for (int y = 0; y < core::plane_rows(picture.desc, plane); ++y) {
            for (int x = 0; x < core::plane_samples(picture.desc, plane); ++x) {
                store(picture, plane, x, y, value_at(plane, x, y, format.depth));
            }
        }
    }
    return picture;
}

// NV12 and P010 as FFmpeg and NVIDIA define them: Cb and Cr side by side, ten bits at the top of sixteen.
TEST(Repacked, SamplesKeepTheirValues) {
    device::BufferPool pool({}, "test", std::size_t{1} << 20U);
    for (const std::uint8_t depth : {std::uint8_t{8}, std::uint8_t{10}}) {
        const core::PixelFormat planar{.depth = depth};
        const core::PixelFormat pairs{.depth = depth,
                                      .packing = core::Packing::semi_planar,
                                      .alignment = depth > 8 ? core::Alignment::high : core::Alignment::low};
        const device::Picture picture = filled(pool, planar);
        const device::Picture packed = repacked(picture, pairs, pool);
        const int unit = depth > 8 ? 64 : 1;
        for (int y = 0; y < 3; ++y) {
            for (int x = 0; x < 5; ++x) EXPECT_EQ(load(packed, 0, x, y), unit * value_at(0, x, y, depth));
        }
        for (int y = 0; y < 2; ++y) {
            for (int x = 0; x < 3; ++x) {
                EXPECT_EQ(load(packed, 1, 2 * x, y), unit * value_at(1, x, y, depth));
                EXPECT_EQ(load(packed, 1, 2 * x + 1, y), unit * value_at(2, x, y, depth));
            }
        }
        const device::Picture again = repacked(packed, planar, pool);
        for (int plane = 0; plane < 3; ++plane) {
            for (int y = 0; y < core::plane_rows(again.desc, plane); ++y) {
                for (int x = 0; x < core::plane_samples(again.desc, plane); ++x) {
                    EXPECT_EQ(load(again, plane, x, y), value_at(plane, x, y, depth)) << plane;
                }
            }
        }
    }
}

}  // namespace
}  // namespace millrace::pipeline
