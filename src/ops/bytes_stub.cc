#include "core/error.h"
#include "ops/bytes_cuda.h"

namespace millrace::ops {

namespace {

[[noreturn]] void throw_without_cuda(device::StreamRef stream) {
    throw core::Error(core::ErrorCode::failed,
                      device::to_string(stream.device) +
                          ": this millrace was built without CUDA and converts tensors on the CPU only");
}

}  // namespace

void widen_cuda(device::StreamRef stream, const std::uint8_t* /*from*/, float* /*to*/, std::int64_t /*count*/) {
    throw_without_cuda(stream);
}

void narrow_cuda(device::StreamRef stream, const float* /*from*/, std::uint8_t* /*to*/, std::int64_t /*count*/) {
    throw_without_cuda(stream);
}

}  // namespace millrace::ops
