#pragma once
// ToTensor with a resize: a block makes a tile of the scaled picture. Private to src/ops.
//
// Its warps take pairs of rows of the picture: colours once into shared memory, then along the row; when all rows are
// there, all threads go down the columns. Tiles are narrow and low, so that a small tensor of a large picture, which is
// the common case, still has work for every multiprocessor; rows where tiles meet are computed by both.

#include <algorithm>

#include "ops/launch.cuh"
#include "ops/to_tensor_pixel.h"
#include "ops/to_tensor_strip.h"

namespace millrace::ops {

constexpr int tile_width = 16;  // half a warp: its other half has the pair's second row
constexpr int tile_warps = 8;
constexpr int warp_threads = 2 * tile_width;

/// Rows of a tile, and the most columns and rows of the picture that one tile needs.
struct Tile {
    int height = 0;
    int columns = 0;
    int rows = 0;

    /// Floats for the colours of two rows, staged by one warp; see staged_at().
    [[nodiscard]] constexpr int staged() const { return 6 * columns + 2 * (columns / 8 + 1); }
    [[nodiscard]] std::size_t bytes() const {
        return sizeof(float) * (static_cast<std::size_t>(tile_warps) * static_cast<std::size_t>(staged()) +
                                static_cast<std::size_t>(rows) * 3 * tile_width);
    }
};

/// How colours are read: pixel by pixel, or strips of Y'CbCr: 4:4:4, 4:2:2, 4:2:0, and 4:2:0 with paired chroma.
enum class Staging { pixels, strips444, strips422, strips420, strips420_paired };

constexpr int staged_pixels = 4;  // of a strip

// NOLINTBEGIN(bugprone-implicit-widening-of-multiplication-result): places within a tile are small numbers
/// Where pixel i of the staged columns begins: two rows of three colours. The gap after each 8 pixels keeps threads
/// that read every 4th, 8th or 16th pixel on different banks.
__device__ inline int staged_at(int i) { return 6 * i + 2 * (i / 8); }

/// Two rows from (x, y) on, `columns` of them, colours as color_at() gives them. x is a multiple of staged_pixels, y
/// even, for strips.
template <class S, Staging K>
__device__ void stage(const ToTensorArgs& a, int x, int y, int columns, float* staged) {
    const int lane = static_cast<int>(threadIdx.x);
    if constexpr (K == Staging::pixels) {
        const int next = min(y + 1, a.in.height - 1);
        for (int i = lane; i < columns; i += warp_threads) {
            const Triple first = both::color_at<S>(a, x + i, y);
            const Triple second = both::color_at<S>(a, x + i, next);
            float* to = staged + staged_at(i);
            to[0] = first.a;
            to[1] = first.b;
            to[2] = first.c;
            to[3] = second.a;
            to[4] = second.b;
            to[5] = second.c;
        }
    } else {
        constexpr int across = K == Staging::strips444 ? 0 : 1;
        constexpr int down = K == Staging::strips420 || K == Staging::strips420_paired ? 1 : 0;
        // Known to the compiler, which then makes no branches that loads would wait at.
        if constexpr (K == Staging::strips420_paired) __builtin_assume(a.in.paired);
        if constexpr (K == Staging::strips420) __builtin_assume(!a.in.paired);
        for (int i = lane * staged_pixels; i < columns; i += warp_threads * staged_pixels) {
            both::TwoRows<staged_pixels, across> strip;
            both::load_strip<S, staged_pixels, across, down>(a, x + i, y, strip);
            float* to = staged + staged_at(i);
            MILLRACE_UNROLL
            for (int r = 0; r < 2; ++r) {
                both::StripRow<staged_pixels> row;
                both::rgb_row(a.strip, strip.luma[r], strip.chroma[r], row);
                MILLRACE_UNROLL
                for (int p = 0; p < staged_pixels; ++p) {
                    MILLRACE_UNROLL
                    for (int c = 0; c < 3; ++c) to[6 * p + 3 * r + c] = row.color[c][p];
                }
            }
        }
    }
}

/// Down the columns, one component of a pixel a thread.
template <class T>
__device__ void finish(const ToTensorArgs& a, const Tile& tile, const float* scaled, int row0) {
    constexpr int at_once = tile_warps * warp_threads / tile_width;
    const int thread = static_cast<int>(threadIdx.y * blockDim.x + threadIdx.x);
    const int column = thread % tile_width;
    const int x = static_cast<int>(blockIdx.x) * tile_width + column;
    const int components = a.out.channels == Channels::luma ? 1 : 3;
    if (x >= a.scaled_width) return;
    for (int i = thread / tile_width; i < components * tile.height; i += at_once) {
        const int component = i % components;
        const int y = static_cast<int>(blockIdx.y) * tile.height + i / components;
        if (y >= a.scaled_height) return;
        const float* in = scaled + ((a.y.first[y] - row0) * 3 + component) * tile_width + column;
        float sum = in[0] * a.y.weights[y];
#pragma unroll 4
        for (int k = 1; k < a.y.taps; ++k) sum = sum + in[3 * k * tile_width] * a.y.weights[k * a.y.stride + y];
        both::put_component<T>(a, a.left + x, a.top + y, component, sum);
    }
}

template <class S, Staging K>
__global__ void __launch_bounds__(warp_threads* tile_warps, 4)
    tiles(const __grid_constant__ ToTensorArgs a, Tile tile, core::DType dtype) {
    extern __shared__ float memory[];
    constexpr int step = K == Staging::pixels ? 1 : staged_pixels;
    const int lane = static_cast<int>(threadIdx.x);
    const int warp = static_cast<int>(threadIdx.y);
    float* staged = memory + warp * tile.staged();
    float* scaled = memory + tile_warps * tile.staged();  // [row][component][column]
    const int x0 = static_cast<int>(blockIdx.x) * tile_width;
    const int y0 = static_cast<int>(blockIdx.y) * tile.height;
    const int x = min(x0 + lane % tile_width, a.scaled_width - 1);
    const int column0 = a.x.first[x0] / step * step;
    const int columns = a.x.first[min(x0 + tile_width, a.scaled_width) - 1] + a.x.taps - column0;
    const int row0 = a.y.first[y0] / 2 * 2;
    const int rows = a.y.first[min(y0 + tile.height, a.scaled_height) - 1] + a.y.taps - row0;
    const int from = a.x.first[x] - column0;
    const int second = lane / tile_width;
    for (int r = 2 * warp; r < rows; r += 2 * tile_warps) {
        stage<S, K>(a, column0, row0 + r, columns, staged);
        __syncwarp();
        const float* weights = a.x.weights + x;
        float sum[3];
        const float* in = staged + staged_at(from) + 3 * second;
        for (int c = 0; c < 3; ++c) sum[c] = in[c] * *weights;
#pragma unroll 4
        for (int k = 1; k < a.x.taps; ++k) {
            const float weight = weights[k * a.x.stride];
            in = staged + staged_at(from + k) + 3 * second;
            for (int c = 0; c < 3; ++c) sum[c] = sum[c] + in[c] * weight;
        }
        for (int c = 0; c < 3; ++c) scaled[((r + second) * 3 + c) * tile_width + lane % tile_width] = sum[c];
        __syncwarp();
    }
    __syncthreads();
    if (dtype == core::DType::float16) {
        finish<std::uint16_t>(a, tile, scaled, row0);
    } else {
        finish<float>(a, tile, scaled, row0);
    }
}
// NOLINTEND(bugprone-implicit-widening-of-multiplication-result)

/// The most inputs that `size` outputs in a row need, when reading begins at a multiple of `step`.
inline int most_inputs(const AxisWeights& axis, int outputs, int size, int step) {
    int most = 0;
    for (int begin = 0; begin < outputs; begin += size) {
        const int first = axis.first[static_cast<std::size_t>(begin)] / step * step;
        const int last = axis.first[static_cast<std::size_t>(std::min(begin + size, outputs) - 1)];
        most = std::max(most, last - first + axis.taps);
    }
    // Whole steps are staged.
    return (most + step - 1) / step * step;
}

/// What a GPU has for tiles.
struct TileLimits {
    int multiprocessors = 1;
    std::size_t block_memory = 0;           ///< bytes a block may have
    std::size_t multiprocessor_memory = 0;  ///< bytes that blocks share
};

inline TileLimits tile_limits(int index) {
    const auto attribute = [index](cudaDeviceAttr name) {
        int value = 0;
        device::cuda::check(cudaDeviceGetAttribute(&value, name, index), "cudaDeviceGetAttribute", index);
        return value;
    };
    return {attribute(cudaDevAttrMultiProcessorCount),
            static_cast<std::size_t>(attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin)),
            static_cast<std::size_t>(attribute(cudaDevAttrMaxSharedMemoryPerMultiprocessor))};
}

/// The tile whose grid takes the fewest turns, a turn being the work of a warp on two rows; height 0 where none fits.
inline Tile tile_of(const ResizePlan& resize, const TileLimits& limits, int step) {
    constexpr std::size_t reserved = 1024;  // of a block's shared memory, by the driver
    constexpr int most_blocks = 4;          // on a multiprocessor, for the registers
    const Placement& p = resize.placement;
    const int columns = most_inputs(resize.x, p.x.output, tile_width, step);
    Tile best;
    std::int64_t least = INT64_MAX;
    for (int height = 32; height >= 1; height /= 2) {
        const Tile tile{height, columns, most_inputs(resize.y, p.y.output, height, 2)};
        if (tile.bytes() > limits.block_memory) continue;
        const auto fit = static_cast<int>(limits.multiprocessor_memory / (tile.bytes() + reserved));
        const std::int64_t at_once = limits.multiprocessors * std::int64_t{std::clamp(fit, 1, most_blocks)};
        const std::int64_t blocks =
            std::int64_t{blocks_of(p.x.output, tile_width)} * blocks_of(p.y.output, static_cast<unsigned>(height));
        const std::int64_t cost =
            ((blocks + at_once - 1) / at_once) * (1 + (tile.rows / 2 + tile_warps - 1) / tile_warps);
        if (cost >= least) continue;
        least = cost;
        best = tile;
    }
    return best;
}

}  // namespace millrace::ops
