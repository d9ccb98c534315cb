// A convolution as products of matrices, tile by tile, without ever writing the matrices down: 64 output channels by
// 256 pixels at a time, the kernel's taps one after the other.
//
// A tile of the picture lies in shared memory in rows of 64 pixels of 128 bytes each, so that all pixels shifted by a
// tap are the same bytes from another address on: four rows of 64 pixels are one operand of 256, in which the last
// columns of each row, where a tap reads across the row's end, come out as garbage and are not stored. Zeros around the
// picture, and channels that are missing to 64, are what the copies put there that read beyond the tensor.
//
// One thread copies tiles ahead, two warpgroups take turns at them: one multiplies while the other one's results are
// finished and stored. Results go back into the tile's own memory, and from there to the picture.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/error.h"
#include "infer/fused/cuda/hopper.cuh"
#include "infer/fused/cuda/launch.cuh"
#include "infer/fused/cuda/tile_kernel.h"

namespace millrace::infer::fused::cuda {
namespace {

constexpr int tile_columns = 64;  ///< of pixels that are read; less the kernel's width but one of results
constexpr int tile_rows = 4;      ///< of results
constexpr int channels = 64;      ///< that are read, and results of one block
constexpr int pixel_bytes = channels * 2;
constexpr int row_bytes = tile_columns * pixel_bytes;
constexpr int tap_bytes = channels * channels * 2;
constexpr int product_bytes = 32;  ///< of a row: sixteen channels, which one product takes
constexpr int stages = 3;
constexpr int consumers = 2;
constexpr int warpgroup = 128;
constexpr int block_threads = warpgroup * (1 + consumers);
constexpr int sums_a_thread = 128;
constexpr int pattern_bytes = 1024;  ///< shared memory is exchanged in pieces by a pattern of so many

using Sums = float[sums_a_thread];

/// What all blocks know.
struct Plan {
    Step kernel;
    Pads pads;
    int products;  ///< of each tap
    int columns;   ///< tiles side by side
    int rows;
    int tiles;  ///< of the batch
    int out_channels;
    int steps;
    TileStep step[most_tile_steps];

    [[nodiscard]] __host__ __device__ int taps() const { return kernel.y * kernel.x; }
    [[nodiscard]] __host__ __device__ int stage_bytes() const { return (tile_rows + kernel.y - 1) * row_bytes; }
    [[nodiscard]] __host__ __device__ int result_columns() const { return tile_columns - kernel.x + 1; }
};

/// Addresses in a block's shared memory.
struct Shared {
    std::uint32_t begin;
    std::uint32_t stage_bytes;
    std::uint32_t weights;
    std::uint32_t barriers;

    __device__ std::uint32_t stage(int i) const { return begin + i * stage_bytes; }
    __device__ std::uint32_t full(int i) const { return barriers + 8 * i; }
    __device__ std::uint32_t empty(int i) const { return barriers + 8 * (stages + i); }
    __device__ std::uint32_t weights_full() const { return barriers + 8 * 2 * stages; }
};

constexpr int barrier_bytes = 8 * (2 * stages + 1);

/// Top left result of a tile.
struct Corner {
    int n;
    int y;
    int x;
};

__device__ Corner corner_of(const Plan& plan, int tile) {
    const int row = tile / plan.columns;
    return {row / plan.rows, row % plan.rows * tile_rows, tile % plan.columns * plan.result_columns()};
}

__device__ int first_channel() { return static_cast<int>(blockIdx.y) * channels; }

/// Of one thread: copies the weights, then tiles, as many ahead as there are stages.
__device__ void produce(const Plan& plan, const Shared& shared, const CUtensorMap& input, const CUtensorMap& weights) {
    hopper::arrive_expecting(shared.weights_full(), plan.taps() * tap_bytes);
    for (int tap = 0; tap < plan.taps(); ++tap) {
        hopper::load_box(shared.weights + tap * tap_bytes, weights, shared.weights_full(), 0, tap, first_channel());
    }
    int turn = 0;
    for (int tile = static_cast<int>(blockIdx.x); tile < plan.tiles; tile += static_cast<int>(gridDim.x), ++turn) {
        const int stage = turn % stages;
        const int round = turn / stages;
        if (round > 0) hopper::wait(shared.empty(stage), (round - 1) & 1);
        const Corner at = corner_of(plan, tile);
        hopper::arrive_expecting(shared.full(stage), plan.stage_bytes());
        hopper::load_box(shared.stage(stage), input, shared.full(stage), 0, at.x - plan.pads.left, at.y - plan.pads.top,
                         at.n);
    }
}

/// Of the two channels that a thread has the sums of.
using Constants = float[most_tile_steps][2];

__device__ void load_constants(const Plan& plan, Constants& constants) {
    const int channel = first_channel() + static_cast<int>(threadIdx.x / 32 % 4 * 16 + threadIdx.x % 32 / 4);
#pragma unroll
    for (int s = 0; s < most_tile_steps; ++s) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const int c = channel + 8 * half;
            const auto* from = reinterpret_cast<const __half*>(plan.step[s].constants);
            const bool there = s < plan.steps && from != nullptr && c < plan.out_channels;
            constants[s][half] = there ? __half2float(from[c]) : 0.0F;
        }
    }
}

/// `f` gets a sum and which of the thread's two channels it is of.
template <class F>
__device__ void change(Sums& sums, F f) {
#pragma unroll
    for (int i = 0; i < sums_a_thread; ++i) sums[i] = f(sums[i], i >> 1 & 1);
}

__device__ void apply(const TileStep& step, const float (&constants)[2], Sums& sums) {
    switch (step.kind) {
        case Pointwise::Kind::add:
            return change(sums, [&](float v, int half) { return v + constants[half]; });
        case Pointwise::Kind::multiply:
            return change(sums, [&](float v, int half) { return v * constants[half]; });
        case Pointwise::Kind::prelu:
            return change(sums, [&](float v, int half) { return v < 0.0F ? v * constants[half] : v; });
        default:  // clip
            return change(sums, [&](float v, int /*half*/) { return fminf(fmaxf(v, step.low), step.high); });
    }
}

__device__ void multiply_tile(const Plan& plan, std::uint32_t weights, std::uint32_t tile, Sums& sums) {
    hopper::begin_products();
    int keep = 0;
    for (int y = 0; y < plan.kernel.y; ++y) {
        for (int x = 0; x < plan.kernel.x; ++x) {
            const std::uint32_t tap = weights + (y * plan.kernel.x + x) * tap_bytes;
            const std::uint32_t pixels = tile + y * row_bytes + x * pixel_bytes;
            for (int i = 0; i < plan.products; ++i) {
                hopper::multiply(sums, hopper::matrix_at(tap + i * product_bytes),
                                 hopper::matrix_at(pixels + i * product_bytes), keep);
                keep = 1;
            }
        }
    }
    hopper::end_products();
}

/// As rows of pixels, their pieces of eight channels exchanged as copies expect them.
__device__ void put_result(std::uint32_t to, const Sums& sums) {
    const int lane = static_cast<int>(threadIdx.x % 32);
    const int warp = static_cast<int>(threadIdx.x / 32 % 4);
    const int row = lane % 8;
    const int piece = (2 * warp + (lane >> 3 & 1)) ^ row;
    const std::uint32_t address = to + (8 * (lane >> 4) + row) * pixel_bytes + piece * 16;
#pragma unroll
    for (int j = 0; j < 32; j += 2) {  // eight pixels each
        __half2 pairs[4];
#pragma unroll
        for (int m = 0; m < 4; ++m) {
            const int first = 4 * (j + (m >> 1)) + 2 * (m & 1);
            pairs[m] = __floats2half2_rn(sums[first], sums[first + 1]);
        }
        hopper::store_transposed(address + j * 8 * pixel_bytes, pairs);
    }
}

/// Of one thread: until the tile's memory may be written again.
__device__ void store(const Plan& plan, std::uint32_t tile, const Corner& at, const CUtensorMap& output) {
    for (int row = 0; row < tile_rows; ++row) {
        hopper::store_box(output, tile + row * row_bytes, first_channel(), at.x, at.y + row, at.n);
    }
    hopper::wait_for_stores();
}

/// Of a warpgroup: every second tile.
__device__ void consume(const Plan& plan, const Shared& shared, int consumer, const CUtensorMap& output) {
    Constants constants;
    load_constants(plan, constants);
    hopper::wait(shared.weights_full(), 0);
    const int step = static_cast<int>(gridDim.x);
    int turn = consumer;
    for (int tile = static_cast<int>(blockIdx.x) + consumer * step; tile < plan.tiles; tile += consumers * step) {
        const int stage = turn % stages;
        hopper::wait(shared.full(stage), turn / stages & 1);
        turn += consumers;
        Sums sums;
        multiply_tile(plan, shared.weights, shared.stage(stage), sums);
#pragma unroll
        for (int s = 0; s < most_tile_steps; ++s) {
            if (s < plan.steps) apply(plan.step[s], constants[s], sums);
        }
        hopper::meet(1 + consumer);  // nobody reads the tile any more
        put_result(shared.stage(stage), sums);
        hopper::publish_writes();
        hopper::meet(1 + consumer);
        if (threadIdx.x % warpgroup != 0) continue;
        store(plan, shared.stage(stage), corner_of(plan, tile), output);
        hopper::arrive(shared.empty(stage));
    }
}

__global__ void __launch_bounds__(block_threads, 1)
    convolve(const __grid_constant__ CUtensorMap input, const __grid_constant__ CUtensorMap weights,
             const __grid_constant__ CUtensorMap output, const __grid_constant__ Plan plan) {
    extern __shared__ std::byte memory[];
    Shared shared{};
    shared.begin = (hopper::shared_address(memory) + pattern_bytes - 1) / pattern_bytes * pattern_bytes;
    shared.stage_bytes = plan.stage_bytes();
    shared.weights = shared.stage(stages);
    shared.barriers = shared.weights + plan.taps() * tap_bytes;
    if (threadIdx.x == 0) {
        for (int i = 0; i < 2 * stages + 1; ++i) hopper::init_barrier(shared.full(i), 1);
        hopper::publish_barriers();
    }
    __syncthreads();
    if (threadIdx.x < warpgroup) {
        hopper::give_registers<40>();
        if (threadIdx.x == 0) produce(plan, shared, input, weights);
    } else {
        hopper::take_registers<232>();
        consume(plan, shared, static_cast<int>(threadIdx.x / warpgroup) - 1, output);
    }
}

using Encode = decltype(&cuTensorMapEncodeTiled);

/// The driver's, which is not linked.
Encode encoder(int device) {
    static const Encode instance = [device] {
        void* found = nullptr;
        cudaDriverEntryPointQueryResult result{};
        constexpr unsigned since = 12000;
        device::cuda::check(
            cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &found, since, cudaEnableDefault, &result),
            "cudaGetDriverEntryPointByVersion", device);
        return reinterpret_cast<Encode>(found);
    }();
    if (instance == nullptr) throw core::Error(core::ErrorCode::failed, "the driver has no cuTensorMapEncodeTiled");
    return instance;
}

/// Halves of `extents`, the innermost first, copied in boxes of `box`.
CUtensorMap map_of(int device, const std::byte* data, const std::vector<cuuint64_t>& extents,
                   const std::vector<cuuint32_t>& box) {
    std::vector<cuuint64_t> strides;
    cuuint64_t bytes = sizeof(__half);
    for (std::size_t i = 0; i + 1 < extents.size(); ++i) strides.push_back(bytes *= extents[i]);
    const std::vector<cuuint32_t> each(extents.size(), 1);
    CUtensorMap map{};
    const CUresult result = encoder(device)(
        &map, CU_TENSOR_MAP_DATA_TYPE_FLOAT16, static_cast<cuuint32_t>(extents.size()),
        const_cast<std::byte*>(data),  // the interface takes what is only read as writable
        extents.data(), strides.data(), box.data(), each.data(), CU_TENSOR_MAP_INTERLEAVE_NONE,
        CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
    if (result == CUDA_SUCCESS) return map;
    throw core::Error(core::ErrorCode::failed,
                      "cuTensorMapEncodeTiled failed: CUDA's error " + std::to_string(static_cast<int>(result)));
}

CUtensorMap map_of(int device, const std::byte* data, int batch, const Value& shape,
                   const std::array<cuuint32_t, 2>& box) {
    const auto extent = [](int value) { return static_cast<cuuint64_t>(value); };
    return map_of(device, data, {extent(shape.channels), extent(shape.width), extent(shape.height), extent(batch)},
                  {channels, box[0], box[1], 1});
}

Plan plan_of(const TileConvolution& job) {
    Plan plan{job.kernel, job.pads, (job.input.channels + 15) / 16, 0, 0, 0, job.output.channels, job.steps, {}};
    plan.columns = (job.output.width + plan.result_columns() - 1) / plan.result_columns();
    plan.rows = (job.output.height + tile_rows - 1) / tile_rows;
    plan.tiles = plan.columns * plan.rows * job.batch;
    std::ranges::copy(job.step, plan.step);
    return plan;
}

int attribute(cudaDeviceAttr which, int device) {
    int value = 0;
    device::cuda::check(cudaDeviceGetAttribute(&value, which, device), "cudaDeviceGetAttribute", device);
    return value;
}

}  // namespace

bool runs_tiles(device::StreamRef stream) {
    return attribute(cudaDevAttrComputeCapabilityMajor, stream.device.index) == 9 &&
           attribute(cudaDevAttrComputeCapabilityMinor, stream.device.index) == 0;
}

void convolve_tiles(device::StreamRef stream, const TileConvolution& job) {
    const int device = stream.device.index;
    const Plan plan = plan_of(job);
    const auto rows = static_cast<cuuint32_t>(tile_rows + job.kernel.y - 1);
    const CUtensorMap input = map_of(device, job.pixels, job.batch, job.input, {tile_columns, rows});
    const CUtensorMap weights =
        map_of(device, job.weights,
               {static_cast<cuuint64_t>(job.input.channels), static_cast<cuuint64_t>(plan.taps()),
                static_cast<cuuint64_t>(plan.out_channels)},
               {channels, 1, channels});
    const CUtensorMap output =
        map_of(device, job.result, job.batch, job.output, {static_cast<cuuint32_t>(plan.result_columns()), 1});
    const int bytes = pattern_bytes + stages * plan.stage_bytes() + plan.taps() * tap_bytes + barrier_bytes;
    const int blocks = (plan.out_channels + channels - 1) / channels;
    const int side_by_side = std::max(1, attribute(cudaDevAttrMultiProcessorCount, device) / blocks);
    const dim3 grid(static_cast<unsigned>(std::min(plan.tiles, side_by_side)), static_cast<unsigned>(blocks));
    const Launching launching(stream);
    device::cuda::check(cudaFuncSetAttribute(convolve, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes),
                        "cudaFuncSetAttribute", device);
    convolve<<<grid, block_threads, static_cast<std::size_t>(bytes), device::cuda::native(stream)>>>(input, weights,
                                                                                                     output, plan);
    launching.done("fused tiles");
}

}  // namespace millrace::infer::fused::cuda
