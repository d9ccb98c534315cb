#pragma once
// How much of a GPU's memory a run may take, and for what.

#include <cstddef>
#include <vector>

#include "device/device.h"
#include "millrace/job.h"

namespace millrace::engine {

/// Bytes. All of `total`: half for the model's weights and what it keeps between its layers, the rest for frames.
struct GpuMemory {
    std::size_t total = 0;
    std::size_t model = 0;
    std::size_t surfaces = 0;  ///< what NVDEC decodes into
    std::size_t decoded = 0;   ///< pictures between decoder and model
    std::size_t results = 0;   ///< what the model gave, until it has left the GPU
};

/// Results of batches that exist at once on a GPU: two runs in flight, and one that is made into pictures.
inline constexpr std::size_t results_in_flight = 3;

[[nodiscard]] GpuMemory share_gpu_memory(std::size_t total);

/// On each of `devices`: --gpu-memory, or four fifths of what is free now on the one with the least. Nothing for the
/// host. Throws Error(usage) where more is asked for than is free, Error(failed) where a device does not answer.
[[nodiscard]] GpuMemory gpu_memory_for(const RunOptions& options, const std::vector<device::DeviceId>& devices);

}  // namespace millrace::engine
