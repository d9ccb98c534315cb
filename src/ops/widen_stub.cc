#include "core/error.h"
#include "ops/widen_cuda.h"

namespace millrace::ops {

void widen_cuda(device::StreamRef stream, const std::uint8_t* /*from*/, float* /*to*/, std::int64_t /*count*/) {
    throw core::Error(core::ErrorCode::failed,
                      device::to_string(stream.device) +
                          ": this millrace was built without CUDA and converts tensors on the CPU only");
}

}  // namespace millrace::ops
