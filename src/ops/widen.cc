#include "ops/widen.h"

#include <algorithm>
#include <cassert>
#include <cstdint>

#include "ops/widen_cuda.h"

namespace millrace::ops {

void widen(device::StreamRef stream, const device::Tensor& from, const device::Tensor& to) {
    assert(from.desc.dtype == core::DType::uint8 && to.desc.dtype == core::DType::float32);
    assert(from.desc.shape == to.desc.shape && from.device == stream.device && to.device == stream.device);
    device::Access access(stream, from.timeline, to.timeline);
    const std::int64_t count = from.desc.element_count();
    if (stream.device.kind == device::DeviceKind::cuda) {
        widen_cuda(stream, from.as<std::uint8_t>(), to.as<float>(), count);
    } else {
        std::transform(from.as<std::uint8_t>(), from.as<std::uint8_t>() + count, to.as<float>(),
                       [](std::uint8_t value) { return static_cast<float>(value); });
    }
    access.done();
}

}  // namespace millrace::ops
