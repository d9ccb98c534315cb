#include "core/error.h"
#include "ops/to_tensor_cuda.h"

namespace millrace::ops {

void to_tensor_cuda(device::StreamRef stream, const ToTensorPlan& /*plan*/, DeviceTables* /*tables*/,
                    const device::Picture& /*picture*/, const device::Tensor& /*tensor*/) {
    throw core::Error(core::ErrorCode::failed,
                      device::to_string(stream.device) +
                          ": this millrace was built without CUDA and converts pictures on the CPU only");
}

}  // namespace millrace::ops
