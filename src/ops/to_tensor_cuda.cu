#include "ops/to_tensor_cuda.h"

#include "ops/launch.cuh"
#include "ops/to_tensor_pixel.h"
#include "ops/to_tensor_strip.h"
#include "ops/to_tensor_tiles.cuh"

namespace millrace::ops {
namespace {

using device::cuda::native;

template <class S, class T, int W, int H>
__global__ void strips(const __grid_constant__ ToTensorArgs a) {
    const int x = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x) * both::strip_pixels<T>;
    const int y = static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y) * 2;
    if (x < a.in.width && y < a.in.height) both::convert_strip<S, T, W, H>(a, x, y);
}

constexpr unsigned warp_size = 32;

/// What the warp holds thread by thread, three times 16 bytes each, so that each of the three is 512 bytes in a row.
/// Thread s has pieces 3 s to 3 s + 2; afterwards thread t has t, t + 32 and t + 64. Each round moves one piece of
/// every thread, since 3 s + r takes every value modulo 32; 11 is the inverse of 3.
__device__ void deal(std::uint32_t (&words)[3][4]) {
    const unsigned thread = threadIdx.x % warp_size;
    std::uint32_t came[3][4];
    unsigned place[3];
    MILLRACE_UNROLL
    for (unsigned r = 0; r < 3; ++r) {
        const unsigned from = (thread + warp_size - r) * 11 % warp_size;
        place[r] = (3 * from + r) / warp_size;
        MILLRACE_UNROLL
        for (int w = 0; w < 4; ++w) came[r][w] = __shfl_sync(~0U, words[r][w], static_cast<int>(from));
    }
    MILLRACE_UNROLL
    for (unsigned k = 0; k < 3; ++k) {
        MILLRACE_UNROLL
        for (int w = 0; w < 4; ++w) {
            words[k][w] = place[0] == k ? came[0][w] : place[1] == k ? came[1][w] : came[2][w];
        }
    }
}

/// For [H, W, C]: a warp takes strips in a row, and writes what it has together. Blocks are a warp wide.
template <class S, class T, int W, int H>
__global__ void nhwc_strips(const __grid_constant__ ToTensorArgs a) {
    constexpr int pixels = both::strip_pixels<T>;
    const int across = a.in.width / pixels;
    const int first = static_cast<int>(blockIdx.x * warp_size);
    const int y = static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y) * 2;
    if (y >= a.in.height) return;
    // Threads beyond the row deal with the others: they have its last strip, which they do not write.
    const int strip = min(first + static_cast<int>(threadIdx.x), across - 1);
    both::TwoRows<pixels, W> rows;
    both::load_strip<S, pixels, W, H>(a, strip * pixels, y, rows);
    MILLRACE_UNROLL
    for (int r = 0; r < 2; ++r) {
        if (y + r >= a.in.height) return;
        both::StripRow<pixels> row;
        both::color_row(a, rows.luma[r], rows.chroma[r], row);
        std::uint32_t words[3][4];
        both::pack_pixels<T>(row, words);
        deal(words);
        const std::int64_t before = (static_cast<std::int64_t>(y + r) * across + first) * 3;
        MILLRACE_UNROLL
        for (int k = 0; k < 3; ++k) {
            const int piece = k * static_cast<int>(warp_size) + static_cast<int>(threadIdx.x);
            if (3 * first + piece < 3 * across) both::store<16>(a.out.data + 16 * (before + piece), words[k]);
        }
    }
}

constexpr int strip_warps = 8;

/// For packed pixels: likewise, by way of shared memory. A pixel there is its first four elements; after each eight a
/// place is left out, so that banks never clash.
template <class S, int W, int H>
__global__ void packed_strips(const __grid_constant__ ToTensorArgs a) {
    using T = std::uint16_t;
    constexpr int pixels = both::strip_pixels<T>;
    __shared__ uint2 kept[strip_warps][warp_size * (pixels + 1)];
    uint2* mine = kept[threadIdx.y];
    const int across = a.in.width / pixels;
    const int first = static_cast<int>(blockIdx.x * warp_size);
    const int y = static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y) * 2;
    if (y >= a.in.height) return;
    const int thread = static_cast<int>(threadIdx.x);
    both::TwoRows<pixels, W> rows;
    both::load_strip<S, pixels, W, H>(a, min(first + thread, across - 1) * pixels, y, rows);
    const int groups = a.out.packed / 8;  // of 16 bytes, in a pixel
    const int pieces = min(static_cast<int>(warp_size), across - first) * pixels * groups;
    MILLRACE_UNROLL
    for (int r = 0; r < 2; ++r) {
        if (y + r >= a.in.height) return;
        both::StripRow<pixels> row;
        both::color_row(a, rows.luma[r], rows.chroma[r], row);
        MILLRACE_UNROLL
        for (int i = 0; i < pixels; ++i) {
            mine[thread * (pixels + 1) + i] = {both::halves_of(row.color[0][i], row.color[1][i]),
                                               both::halves_of(row.color[2][i], 0.0F)};
        }
        __syncwarp();
        const std::int64_t strip_of_all = static_cast<std::int64_t>(y + r) * across + first;
        std::byte* to = a.out.data + strip_of_all * pixels * groups * 16;
        for (int piece = thread; piece < pieces; piece += static_cast<int>(warp_size)) {
            const int pixel = piece / groups;
            const uint2 color = mine[pixel + pixel / pixels];
            const bool holds = piece == pixel * groups;
            const std::uint32_t words[4] = {holds ? color.x : 0U, holds ? color.y : 0U, 0U, 0U};
            both::store<16>(to + 16 * static_cast<std::int64_t>(piece), words);
        }
        __syncwarp();
    }
}

template <class S, class T>
__global__ void luma_strips(const __grid_constant__ ToTensorArgs a) {
    const int x = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x) * both::strip_pixels<T>;
    const int y = static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y) * 2;
    if (x < a.in.width && y < a.in.height) both::convert_luma_strip<S, T>(a, x, y);
}

enum class Part { all, bars };

/// One pixel of the tensor a thread; bars: only those around the scaled picture.
template <class S, class T>
__global__ void pixels(const __grid_constant__ ToTensorArgs a, Part part) {
    const int x = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    const int y = static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y);
    if (x >= a.out.width || y >= a.out.height) return;
    const bool inside = x >= a.left && x < a.left + a.scaled_width && y >= a.top && y < a.top + a.scaled_height;
    if (part == Part::bars && inside) return;
    both::put_color<T>(a, x, y, both::tensor_color<S>(a, x, y));
}

/// Y'CbCr to R, G, B in rows that strips can read.
bool stages_strips(const ToTensorArgs& a) {
    const bool rgb = a.out.channels == Channels::rgb || a.out.channels == Channels::bgr;
    return rgb && a.in.family == core::ColorFamily::yuv && rows_aligned(a.in) && a.in.width % staged_pixels == 0;
}

template <class S, Staging K>
void launch_tiles(device::StreamRef stream, const ResizePlan& resize, const ToTensorArgs& a, core::DType dtype) {
    const int index = stream.device.index;
    const TileLimits limits = tile_limits(index);
    const Tile tile = tile_of(resize, limits, K == Staging::pixels ? 1 : staged_pixels);
    const Shape whole = shape_of(a.out.width, a.out.height);
    const bool half = dtype == core::DType::float16;
    const bool bars = a.scaled_width != a.out.width || a.scaled_height != a.out.height;
    if (tile.height == 0 || bars) {
        const Part part = tile.height == 0 ? Part::all : Part::bars;
        if (half) {
            pixels<S, std::uint16_t><<<whole.grid, whole.block, 0, native(stream)>>>(a, part);
        } else {
            pixels<S, float><<<whole.grid, whole.block, 0, native(stream)>>>(a, part);
        }
    }
    if (tile.height == 0) return;
    // The kernel's limit is shared by all threads: always the same, so that no other run's launch exceeds it.
    device::cuda::check(cudaFuncSetAttribute(tiles<S, K>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                             static_cast<int>(limits.block_memory)),
                        "cudaFuncSetAttribute", index);
    const dim3 grid(blocks_of(a.scaled_width, tile_width),
                    blocks_of(a.scaled_height, static_cast<unsigned>(tile.height)));
    tiles<S, K><<<grid, dim3(warp_threads, tile_warps), tile.bytes(), native(stream)>>>(a, tile, dtype);
}

template <class S>
void launch_resize(device::StreamRef stream, const ResizePlan& resize, const ToTensorArgs& a, core::DType dtype) {
    if (!stages_strips(a)) {
        launch_tiles<S, Staging::pixels>(stream, resize, a, dtype);
    } else if (a.in.log2_h == 1 && a.in.paired) {
        launch_tiles<S, Staging::strips420_paired>(stream, resize, a, dtype);
    } else if (a.in.log2_h == 1) {
        launch_tiles<S, Staging::strips420>(stream, resize, a, dtype);
    } else if (a.in.log2_w == 1) {
        launch_tiles<S, Staging::strips422>(stream, resize, a, dtype);
    } else {
        launch_tiles<S, Staging::strips444>(stream, resize, a, dtype);
    }
}

template <class S, class T>
void launch_nhwc_strips(device::StreamRef stream, const ToTensorArgs& a) {
    constexpr unsigned height = 8;
    const dim3 block(warp_size, height);
    const dim3 grid(blocks_of(a.in.width / both::strip_pixels<T>, warp_size), blocks_of((a.in.height + 1) / 2, height));
    if (a.in.log2_h == 1) {
        nhwc_strips<S, T, 1, 1><<<grid, block, 0, native(stream)>>>(a);
    } else if (a.in.log2_w == 1) {
        nhwc_strips<S, T, 1, 0><<<grid, block, 0, native(stream)>>>(a);
    } else {
        nhwc_strips<S, T, 0, 0><<<grid, block, 0, native(stream)>>>(a);
    }
}

template <class S>
void launch_packed_strips(device::StreamRef stream, const ToTensorArgs& a) {
    const dim3 block(warp_size, strip_warps);
    const dim3 grid(blocks_of(a.in.width / both::strip_pixels<std::uint16_t>, warp_size),
                    blocks_of((a.in.height + 1) / 2, strip_warps));
    if (a.in.log2_h == 1) {
        packed_strips<S, 1, 1><<<grid, block, 0, native(stream)>>>(a);
    } else if (a.in.log2_w == 1) {
        packed_strips<S, 1, 0><<<grid, block, 0, native(stream)>>>(a);
    } else {
        packed_strips<S, 0, 0><<<grid, block, 0, native(stream)>>>(a);
    }
}

template <class S, class T>
void launch_strips(device::StreamRef stream, const ToTensorArgs& a) {
    if (a.out.packed > 0) return launch_packed_strips<S>(stream, a);
    const Shape s = shape_of(a.in.width / both::strip_pixels<T>, (a.in.height + 1) / 2);
    if (a.out.nhwc && a.out.channels != Channels::luma) {
        launch_nhwc_strips<S, T>(stream, a);
    } else if (a.out.channels == Channels::luma) {
        luma_strips<S, T><<<s.grid, s.block, 0, native(stream)>>>(a);
    } else if (a.in.log2_h == 1) {
        strips<S, T, 1, 1><<<s.grid, s.block, 0, native(stream)>>>(a);
    } else if (a.in.log2_w == 1) {
        strips<S, T, 1, 0><<<s.grid, s.block, 0, native(stream)>>>(a);
    } else {
        strips<S, T, 0, 0><<<s.grid, s.block, 0, native(stream)>>>(a);
    }
}

template <class S, class T>
void launch(device::StreamRef stream, const ToTensorPlan& plan, const ToTensorArgs& a) {
    if (plan.resize && !plan.spec.packing) {
        launch_resize<S>(stream, *plan.resize, a, plan.spec.dtype);
    } else if (takes_strips(plan, a)) {
        launch_strips<S, T>(stream, a);
    } else {
        const Shape s = shape_of(a.out.width, a.out.height);
        pixels<S, T><<<s.grid, s.block, 0, native(stream)>>>(a, Part::all);
    }
}

template <class S>
void launch(device::StreamRef stream, const ToTensorPlan& plan, const ToTensorArgs& a) {
    if (plan.spec.dtype == core::DType::float16) {
        launch<S, std::uint16_t>(stream, plan, a);
    } else {
        launch<S, float>(stream, plan, a);
    }
}

}  // namespace

void to_tensor_cuda(device::StreamRef stream, const ToTensorPlan& plan, DeviceTables* tables,
                    const device::Picture& picture, const device::Tensor& tensor) {
    const Launching launching(stream);
    ToTensorArgs args = to_tensor_args(plan, picture, tensor);
    AxesOnDevice axes;
    if (plan.resize) {
        axes = tables->on(stream.device);
        args.x = axes.x;
        args.y = axes.y;
    }
    device::Access access(stream, axes.block.timeline, nullptr);
    if (picture.desc.format.depth == 8) {
        launch<std::uint8_t>(stream, plan, args);
    } else {
        launch<std::uint16_t>(stream, plan, args);
    }
    launching.done("to_tensor");
    access.done();
}

}  // namespace millrace::ops
