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
        launch_resize<S>(stream, *plan.resize, a, plan.spec.dtype);
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
