#include "ops/bytes.h"

#include <algorithm>
#include <cassert>
#include <cstdint>

#include "ops/bytes_cuda.h"
#include "ops/formula.h"

namespace millrace::ops {

namespace {

std::uint8_t narrowed(float value) {
    constexpr float most = 255;
    const float above = value > 0 ? value : 0;  // NaN is not greater than 0
    return static_cast<std::uint8_t>(round_half_even(above < most ? above : most));
}

}  // namespace

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

void narrow(device::StreamRef stream, const device::Tensor& from, const device::Tensor& to) {
    assert(from.desc.dtype == core::DType::float32 && to.desc.dtype == core::DType::uint8);
    assert(from.desc.shape == to.desc.shape && from.device == stream.device && to.device == stream.device);
    device::Access access(stream, from.timeline, to.timeline);
    const std::int64_t count = from.desc.element_count();
    if (stream.device.kind == device::DeviceKind::cuda) {
        narrow_cuda(stream, from.as<float>(), to.as<std::uint8_t>(), count);
    } else {
        std::transform(from.as<float>(), from.as<float>() + count, to.as<std::uint8_t>(), narrowed);
    }
    access.done();
}

}  // namespace millrace::ops
