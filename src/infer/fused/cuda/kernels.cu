#include <cassert>

#include "infer/fused/cuda/groups.cuh"
#include "infer/fused/cuda/kernels.h"
#include "infer/fused/cuda/launch.cuh"

namespace millrace::infer::fused::cuda {
namespace {

/// One thread for a pixel; threads of a warp read neighbours of a plane.
template <class T>
__global__ void pack_planes(const T* planes, Group* to, int channels, int groups, std::int64_t plane,
                            std::int64_t pixels) {
    const std::int64_t pixel = thread_index();
    if (pixel >= pixels) return;
    const T* source = planes + pixel / plane * channels * plane + pixel % plane;
    for (int g = 0; g < groups; ++g) {
        Group group{};
        for (int i = 0; i < channel_group; ++i) {
            const int channel = g * channel_group + i;
            group.values[i] = channel < channels ? static_cast<__half>(source[channel * plane]) : __float2half(0.0F);
        }
        to[pixel * groups + g] = group;
    }
}

struct Blocks {
    int channels;    ///< of the result
    int step_pixel;  ///< between the channels of neighbours within a block
    int step_channel;
    int stride;
    int height;
    int width;
};

/// A row of a block, written at once where its size is a power of two.
template <class T, int Block>
struct alignas(Block % 3 == 0 ? sizeof(T) : sizeof(T) * Block) BlockRow {
    T values[Block];
};

/// One thread for a pixel of the source.
template <class T, int Block>
__global__ void unpack_blocks(const __half* from, T* planes, Blocks b, std::int64_t count) {
    const std::int64_t index = thread_index();
    if (index >= count) return;
    const int x = static_cast<int>(index % b.width);
    const std::int64_t row = index / b.width;
    const std::int64_t n = row / b.height;
    const std::int64_t wide = static_cast<std::int64_t>(b.width) * Block;
    const std::int64_t plane = wide * b.height * Block;
    const __half* source = from + index * b.stride;
    T* to = planes + n * b.channels * plane + row % b.height * Block * wide + static_cast<std::int64_t>(x) * Block;
    for (int c = 0; c < b.channels; ++c) {
        for (int dy = 0; dy < Block; ++dy) {
            BlockRow<T, Block> line{};
            for (int dx = 0; dx < Block; ++dx) {
                line.values[dx] = static_cast<T>(source[c * b.step_channel + (dy * Block + dx) * b.step_pixel]);
            }
            *reinterpret_cast<BlockRow<T, Block>*>(to + c * plane + dy * wide) = line;
        }
    }
}

Blocks blocks_of(const Pixels& from, const DepthToSpace& blocks) {
    const int area = blocks.block * blocks.block;
    assert(from.shape.channels % area == 0);
    const int channels = from.shape.channels / area;
    return {channels,
            blocks.columns_last ? 1 : channels,
            blocks.columns_last ? area : 1,
            from.stride,
            from.shape.height,
            from.shape.width};
}

template <class T>
void pack_from(device::StreamRef stream, const T* planes, const Pixels& to) {
    const int groups = to.stride / channel_group;
    const std::int64_t plane = static_cast<std::int64_t>(to.shape.height) * to.shape.width;
    const std::int64_t pixels = plane * to.batch;
    const Launching launching(stream);
    pack_planes<<<blocks_for(pixels), threads, 0, device::cuda::native(stream)>>>(
        planes, reinterpret_cast<Group*>(to.data), to.shape.channels, groups, plane, pixels);
    launching.done("fused pack");
}

template <class T, int Block>
void launch_unpack(device::StreamRef stream, const Pixels& from, const DepthToSpace& blocks, T* planes) {
    const std::int64_t count = static_cast<std::int64_t>(from.batch) * from.shape.height * from.shape.width;
    const Launching launching(stream);
    unpack_blocks<T, Block><<<blocks_for(count), threads, 0, device::cuda::native(stream)>>>(
        reinterpret_cast<const __half*>(from.data), planes, blocks_of(from, blocks), count);
    launching.done("fused unpack");
}

template <class T>
void unpack_to(device::StreamRef stream, const Pixels& from, const DepthToSpace& blocks, T* planes) {
    switch (blocks.block) {
        case 1:
            return launch_unpack<T, 1>(stream, from, blocks, planes);
        case 2:
            return launch_unpack<T, 2>(stream, from, blocks, planes);
        case 3:
            return launch_unpack<T, 3>(stream, from, blocks, planes);
        default:
            assert(blocks.block == 4);
            return launch_unpack<T, 4>(stream, from, blocks, planes);
    }
}

}  // namespace

void pack(device::StreamRef stream, const std::byte* planes, core::DType type, const Pixels& to) {
    if (type == core::DType::float16) return pack_from(stream, reinterpret_cast<const __half*>(planes), to);
    assert(type == core::DType::float32);
    pack_from(stream, reinterpret_cast<const float*>(planes), to);
}

void unpack(device::StreamRef stream, const Pixels& from, const DepthToSpace& blocks, std::byte* planes,
            core::DType type) {
    if (type == core::DType::float16) return unpack_to(stream, from, blocks, reinterpret_cast<__half*>(planes));
    assert(type == core::DType::float32);
    unpack_to(stream, from, blocks, reinterpret_cast<float*>(planes));
}

}  // namespace millrace::infer::fused::cuda
