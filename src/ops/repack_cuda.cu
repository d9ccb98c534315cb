#include "ops/launch.cuh"
#include "ops/repack_cuda.h"

namespace millrace::ops {

namespace {

// One thread a sample; z is the component.
template <class S>
__global__ void repack_samples(RepackArgs args) {
    const int x = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    const int y = static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y);
    const int component = static_cast<int>(blockIdx.z);
    if (x >= both::component_width(args.from, component) || y >= both::component_height(args.from, component)) return;
    both::repack_sample<S>(args, component, x, y);
}

}  // namespace

void repack_cuda(device::StreamRef stream, const RepackArgs& args) {
    const Launching launching(stream);
    Shape shape = shape_of(args.from.width, args.from.height);
    shape.grid.z = static_cast<unsigned>(args.components);
    if (args.depth == 8) {
        repack_samples<std::uint8_t><<<shape.grid, shape.block, 0, device::cuda::native(stream)>>>(args);
    } else {
        repack_samples<std::uint16_t><<<shape.grid, shape.block, 0, device::cuda::native(stream)>>>(args);
    }
    launching.done("repack");
}

}  // namespace millrace::ops
