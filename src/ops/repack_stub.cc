#include "core/error.h"
#include "ops/repack_cuda.h"

namespace millrace::ops {

void repack_cuda(device::StreamRef stream, const RepackArgs& /*args*/) {
    throw core::Error(
        core::ErrorCode::failed,
        device::to_string(stream.device) + ": this millrace was built without CUDA and moves samples on the CPU only");
}

}  // namespace millrace::ops
