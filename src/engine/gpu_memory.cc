#include "engine/gpu_memory.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "device/cuda/probe.h"
#include "engine/limits.h"

namespace millrace::engine {

GpuMemory share_gpu_memory(std::size_t total) {
    GpuMemory memory;
    memory.total = total;
    memory.model = total / 2;
    memory.surfaces = total / 8;
    memory.decoded = total / 8;
    memory.results = total - memory.model - memory.surfaces - memory.decoded;
    return memory;
}

GpuMemory gpu_memory_for(const RunOptions& options, const std::vector<device::DeviceId>& devices) {
    if (device::on_host(devices.front())) return {};
    const auto free_on = [](device::DeviceId device) { return device::cuda_memory(device.index).free_bytes; };
    const device::DeviceId device = *std::ranges::min_element(devices, {}, free_on);
    const std::size_t free = free_on(device);
    if (options.gpu_memory > free) {
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("--gpu-memory: {} MiB are asked for, {} has {} MiB free",
                                      options.gpu_memory / mib, device::to_string(device), free / mib));
    }
    return share_gpu_memory(options.gpu_memory > 0 ? options.gpu_memory : free / 5 * 4);
}

}  // namespace millrace::engine
