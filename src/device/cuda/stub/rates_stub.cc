#include "core/error.h"
#include "device/cuda/rates.h"
#include "device/device.h"

namespace millrace::device {

CudaRates cuda_rates(int index) {
    throw core::Error(core::ErrorCode::failed,
                      to_string({DeviceKind::cuda, index}) +
                          ": this millrace was built without CUDA; build the preset `cuda`, or choose the device cpu");
}

}  // namespace millrace::device
