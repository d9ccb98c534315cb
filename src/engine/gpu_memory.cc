#include "engine/gpu_memory.h"

#include <fmt/format.h>

#include "core/error.h"
#include "device/cuda/probe.h"

namespace millrace::engine {

GpuMemory share_gpu_memory(std::size_t total) {
    GpuMemory memory;
    memory.total = total;
    memory.model = total / 2;
    memory.decoded = total / 4;
    memory.results = total - memory.model - memory.decoded;
    return memory;
}

GpuMemory gpu_memory_for(const RunOptions& options, device::DeviceId device) {
    if (device.kind == device::DeviceKind::host) return {};
    const std::size_t free = device::cuda_memory(device.index).free_bytes;
    if (options.gpu_memory > free) {
        constexpr std::size_t mib = std::size_t{1} << 20U;
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("--gpu-memory: {} MiB are asked for, {} has {} MiB free",
                                      options.gpu_memory / mib, device::to_string(device), free / mib));
    }
    return share_gpu_memory(options.gpu_memory > 0 ? options.gpu_memory : free / 5 * 4);
}

}  // namespace millrace::engine
