#include "ops/to_tensor_cuda.h"

#include <algorithm>

#include "ops/launch.cuh"
#include "ops/to_tensor_pixel.h"
#include "ops/to_tensor_strip.h"

namespace millrace::ops {
namespace {

using device::cuda::native;

template <class S, class T, int W, int H>
__global__ void strips(const __grid_constant__ ToTensorArgs a) {
    const int x = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x) * both::strip_pixels<T>;
    const int y = static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y) * 2;
    if (x < a.in.width && y < a.in.height) both::convert_strip<S, T, W, H>(a, x, y);
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

constexpr int tile_width = 32;
constexpr int tile_warps = 8;

/// A tile of the scaled picture: rows of it, and the most columns and rows of the picture that one tile needs.
struct Tile {
    int height;
    int columns;
    int rows;

    [[nodiscard]] std::size_t bytes() const {
        return sizeof(float) * 3 *
               (static_cast<std::size_t>(tile_warps) * static_cast<std::size_t>(columns) +
                static_cast<std::size_t>(rows) * tile_width);
    }
};

// NOLINTBEGIN(bugprone-implicit-widening-of-multiplication-result): places within a tile are small numbers
/// Each warp takes rows of the picture: colours once, then along the row; then all go down the columns.
template <class S, class T>
__global__ void __launch_bounds__(tile_width* tile_warps) tiles(const __grid_constant__ ToTensorArgs a, Tile tile) {
    extern __shared__ float memory[];
    const int lane = static_cast<int>(threadIdx.x);
    const int warp = static_cast<int>(threadIdx.y);
    float* staged = memory + warp * 3 * tile.columns;
    float* scaled = memory + tile_warps * 3 * tile.columns;
    const int x0 = static_cast<int>(blockIdx.x) * tile_width;
    const int y0 = static_cast<int>(blockIdx.y) * tile.height;
    const int x = min(x0 + lane, a.scaled_width - 1);
    const int y_last = min(y0 + tile.height, a.scaled_height) - 1;
    const int column0 = a.x.first[x0];
    const int columns = a.x.first[min(x0 + tile_width, a.scaled_width) - 1] + a.x.taps - column0;
    const int row0 = a.y.first[y0];
    const int rows = a.y.first[y_last] + a.y.taps - row0;
    const int from = a.x.first[x] - column0;
    for (int r = warp; r < rows; r += tile_warps) {
        for (int i = lane; i < columns; i += tile_width) {
            const Triple color = both::color_at<S>(a, column0 + i, row0 + r);
            staged[i] = color.a;
            staged[tile.columns + i] = color.b;
            staged[2 * tile.columns + i] = color.c;
        }
        __syncwarp();
        for (int c = 0; c < 3; ++c) {
            const float* in = staged + c * tile.columns + from;
            float sum = in[0] * a.x.weights[x];
            for (int k = 1; k < a.x.taps; ++k) sum = sum + in[k] * a.x.weights[k * a.x.stride + x];
            scaled[(r * 3 + c) * tile_width + lane] = sum;
        }
        __syncwarp();
    }
    __syncthreads();
    if (x0 + lane >= a.scaled_width) return;
    for (int y = y0 + warp; y <= y_last; y += tile_warps) {
        const float* in = scaled + (a.y.first[y] - row0) * 3 * tile_width + lane;
        float sum[3];
        for (int c = 0; c < 3; ++c) sum[c] = in[c * tile_width] * a.y.weights[y];
        for (int k = 1; k < a.y.taps; ++k) {
            const float weight = a.y.weights[k * a.y.stride + y];
            for (int c = 0; c < 3; ++c) sum[c] = sum[c] + in[(k * 3 + c) * tile_width] * weight;
        }
        both::put_color<T>(a, a.left + x, a.top + y, {sum[0], sum[1], sum[2]});
    }
}

// NOLINTEND(bugprone-implicit-widening-of-multiplication-result)

/// The most inputs that `size` outputs in a row need.
int most_inputs(const AxisWeights& axis, int outputs, int size) {
    int most = 0;
    for (int begin = 0; begin < outputs; begin += size) {
        const auto first = static_cast<std::size_t>(begin);
        const auto last = static_cast<std::size_t>(std::min(begin + size, outputs) - 1);
        most = std::max(most, axis.first[last] - axis.first[first] + axis.taps);
    }
    return most;
}

/// The highest tile that fits into `most_bytes` of shared memory; height 0 where none does.
Tile tile_of(const ResizePlan& resize, std::size_t most_bytes) {
    const Placement& p = resize.placement;
    for (int height = 32; height >= 1; height /= 2) {
        const Tile tile{height, most_inputs(resize.x, p.x.output, tile_width),
                        most_inputs(resize.y, p.y.output, height)};
        if (tile.bytes() <= most_bytes) return tile;
    }
    return {0, 0, 0};
}

/// What a block may have, and leaves room for two on a multiprocessor of the larger GPUs.
std::size_t shared_memory(int index) {
    constexpr int enough = 96 << 10;
    int most = 0;
    device::cuda::check(cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, index),
                        "cudaDeviceGetAttribute", index);
    return static_cast<std::size_t>(std::min(most, enough));
}

template <class S, class T>
void launch_resize(device::StreamRef stream, const ResizePlan& resize, const ToTensorArgs& a) {
    const Shape whole = shape_of(a.out.width, a.out.height);
    const std::size_t most = shared_memory(stream.device.index);
    const Tile tile = tile_of(resize, most);
    if (tile.height == 0) {
        pixels<S, T><<<whole.grid, whole.block, 0, native(stream)>>>(a, Part::all);
        return;
    }
    if (a.scaled_width != a.out.width || a.scaled_height != a.out.height) {
        pixels<S, T><<<whole.grid, whole.block, 0, native(stream)>>>(a, Part::bars);
    }
    // The kernel's limit is shared by all threads: always the same, so that no other run's launch exceeds it.
    device::cuda::check(
        cudaFuncSetAttribute(tiles<S, T>, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(most)),
        "cudaFuncSetAttribute", stream.device.index);
    const dim3 grid(blocks_of(a.scaled_width, tile_width),
                    blocks_of(a.scaled_height, static_cast<unsigned>(tile.height)));
    tiles<S, T><<<grid, dim3(tile_width, tile_warps), tile.bytes(), native(stream)>>>(a, tile);
}

template <class S, class T>
void launch_strips(device::StreamRef stream, const ToTensorArgs& a) {
    const Shape s = shape_of(a.in.width / both::strip_pixels<T>, (a.in.height + 1) / 2);
    if (a.out.channels == Channels::luma) {
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
    if (plan.resize) {
        launch_resize<S, T>(stream, *plan.resize, a);
    } else if (takes_strips(plan, a)) {
        launch_strips<S, T>(stream, a);
    } else {
        const Shape s = shape_of(a.out.width, a.out.height);
        pixels<S, T><<<s.grid, s.block, 0, native(stream)>>>(a, Part::all);
    }
    check_launch("to_tensor", stream);
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
    const device::cuda::CurrentDevice current(stream.device.index);
    const device::cuda::BesideCaptures beside;  // a kernel's first launch loads it
    ToTensorArgs args = to_tensor_args(plan, picture, tensor);
    AxesOnDevice axes;
    if (plan.resize) {
        axes = tables->on(stream.device);
        args.x = axes.x;
        args.y = axes.y;
    }
    device::Access access(stream, axes.block.timeline, nullptr);
    forget_errors();
    if (picture.desc.format.depth == 8) {
        launch<std::uint8_t>(stream, plan, args);
    } else {
        launch<std::uint16_t>(stream, plan, args);
    }
    access.done();
}

}  // namespace millrace::ops
