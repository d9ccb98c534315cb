#include "engine/gpu_watch.h"

#include <fmt/format.h>

#include "core/error.h"

namespace millrace::engine {

GpuWatch::GpuWatch(const std::vector<device::DeviceId>& devices) {
    if (devices.front().kind == device::DeviceKind::host) return;
    try {
        monitor_.emplace();
    } catch (const core::Error& error) {  // the run is worth more than its figures
        problem_ = error.what();
    }
}

void GpuWatch::stop(Report& report) {
    if (!problem_.empty()) report.notes.push_back("GPU activity was not measured: " + problem_);
    if (!monitor_) return;
    const device::ActivityReport seen = monitor_->stop();
    monitor_.reset();
    for (const device::DeviceActivity& gpu : seen.devices) {
        const double share = seen.seconds > 0 ? gpu.kernel_seconds / seen.seconds : 0;
        report.gpus.push_back({device::to_string({device::DeviceKind::cuda, gpu.index}), gpu.kernel_seconds, share,
                               gpu.kernels, gpu.up.seconds, gpu.down.seconds, static_cast<std::int64_t>(gpu.up.bytes),
                               static_cast<std::int64_t>(gpu.down.bytes)});
    }
    if (seen.dropped > 0) {
        report.notes.push_back(fmt::format("CUPTI lost {} records: GPU times are too low", seen.dropped));
    }
}

}  // namespace millrace::engine
