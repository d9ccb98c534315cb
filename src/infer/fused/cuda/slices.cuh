#pragma once
// Which part of a result each thread of a kernel computes, in 32 bits of arithmetic.

#include <algorithm>
#include <cstdint>

#include "infer/fused/cuda/groups.cuh"
#include "infer/fused/cuda/launch.cuh"
#include "infer/fused/cuda/steps.cuh"
#include "infer/fused/divider.h"

namespace millrace::infer::fused::cuda {

/// Neighbouring lines of a result: a line is a row of pixels of one of the batch. A thread has a group of channels of
/// one pixel, or of several beside one another.
struct Slice {
    Divider line;    ///< by the threads of a line
    Divider pixel;   ///< by the groups of a pixel
    Divider height;  ///< by the lines of a picture
    std::uint32_t first_line;
    std::uint32_t count;  ///< of threads, below 2^31
    int width;            ///< of the result
    int channels;

    /// The first pixel of thread `index`, of `pixels`.
    [[nodiscard]] __device__ Place place(std::uint32_t index, int pixels) const {
        const auto [line_of_slice, of_line] = line.divide(index);
        const std::uint32_t at_line = first_line + line_of_slice;
        const auto [strip, group] = pixel.divide(of_line);
        const auto [n, y] = height.divide(at_line);
        const auto x = strip * static_cast<std::uint32_t>(pixels);
        return {static_cast<int>(n), static_cast<int>(y), static_cast<int>(x), static_cast<int>(group),
                (static_cast<std::int64_t>(at_line) * width + x) * pixel.by() + group};
    }
};

/// Calls launch(slice, blocks) for all of a result, where a thread has `pixels` of it.
template <class F>
void for_slices(const Pixels& out, int pixels, F launch) {
    const auto a_pixel = static_cast<std::uint32_t>(out.stride / channel_group);
    const auto strips = static_cast<std::uint32_t>((out.shape.width + pixels - 1) / pixels);
    const std::uint32_t a_line = strips * a_pixel;
    const auto height = static_cast<std::uint32_t>(out.shape.height);
    const std::uint32_t lines = static_cast<std::uint32_t>(out.batch) * height;
    const std::uint32_t most = std::max((1U << 30U) / a_line, 1U);
    for (std::uint32_t first = 0; first < lines; first += most) {
        const std::uint32_t count = std::min(most, lines - first) * a_line;
        launch(Slice{Divider(a_line), Divider(a_pixel), Divider(height), first, count, out.shape.width,
                     out.shape.channels},
               blocks_for(count));
    }
}

/// Zeros behind the result's channels, of which some are in the group.
__device__ inline void store_channels(const Slice& slice, const Place& at, Values values, Group* out) {
    const int there = slice.channels - at.group * channel_group;
#pragma unroll
    for (int i = 0; i < channel_group; ++i) values.at[i] = i < there ? values.at[i] : 0.0F;
    store(out + at.index, values);
}

}  // namespace millrace::infer::fused::cuda
