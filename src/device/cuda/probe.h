#pragma once
// What GPUs this machine has, and whether this build can use them.

#include <cstddef>
#include <string>
#include <vector>

namespace millrace::device {

struct CudaDeviceInfo {
    int index = 0;  ///< as the CUDA runtime counts: "cuda:0" is index 0
    std::string name;
    std::size_t memory_bytes = 0;
    int sm_major = 0;  ///< compute capability, 9.0 on an H100 or H200
    int sm_minor = 0;
    int multiprocessors = 0;
    int copy_engines = 0;  ///< copies that can run beside kernels at the same time

    friend bool operator==(const CudaDeviceInfo&, const CudaDeviceInfo&) = default;
};

/// The GPUs that the CUDA runtime can see. Empty without a GPU, without a driver, and in a build without CUDA.
[[nodiscard]] std::vector<CudaDeviceInfo> cuda_devices();

struct CudaMemory {
    std::size_t free_bytes = 0;
    std::size_t total_bytes = 0;
};

/// What the driver has left on a device, of all processes. Throws Error(failed).
[[nodiscard]] CudaMemory cuda_memory(int index);

/// Whether this build can use GPUs at all.
[[nodiscard]] bool built_with_cuda();

/// "CUDA 13.0, sm_90", or "built without CUDA".
[[nodiscard]] std::string cuda_build_description();

/// Fills a buffer on the device with a kernel and reads it back: true when every value is the one that was written.
/// Throws Error(failed) where the device, the driver or the build cannot do that at all.
[[nodiscard]] bool cuda_self_test(int index);

}  // namespace millrace::device
