#include "core/error.h"
#include "ops/to_picture_cuda.h"

namespace millrace::ops {

void to_picture_cuda(device::StreamRef stream, const ToPicturePlan& /*plan*/, const ToPictureWork& /*work*/,
                     const ToPictureState& /*state*/) {
    throw core::Error(core::ErrorCode::failed,
                      device::to_string(stream.device) +
                          ": this millrace was built without CUDA and converts tensors on the CPU only");
}

}  // namespace millrace::ops
