#include "engine/gpu_watch.h"

#include <fmt/format.h>

#include "core/error.h"

namespace millrace::engine {

namespace {

const char* name(device::CopyDirection direction) {
    if (direction == device::CopyDirection::across) return "across";
    return direction == device::CopyDirection::up ? "up" : "down";
}

void add_gpus(const device::ActivityReport& seen, Report& report) {
    for (const device::DeviceActivity& gpu : seen.devices) {
        const double share = seen.kernels_watched > 0 ? gpu.kernel_seconds / seen.kernels_watched : 0;
        report.gpus.push_back({device::to_string({device::DeviceKind::cuda, gpu.index}), gpu.kernel_seconds, share,
                               gpu.kernels, seen.kernels_watched, gpu.up.seconds, gpu.down.seconds,
                               static_cast<std::int64_t>(gpu.up.bytes), static_cast<std::int64_t>(gpu.down.bytes)});
    }
    if (seen.dropped > 0) {
        report.notes.push_back(fmt::format("CUPTI lost {} records: GPU times are too low", seen.dropped));
    }
}

}  // namespace

GpuWatch::GpuWatch(const std::vector<device::DeviceId>& devices, device::CopyLedger* copies) : copies_(copies) {
    if (device::on_host(devices.front())) return;
    try {
        monitor_.emplace(copies);
    } catch (const core::Error& error) {  // the run is worth more than its figures
        problem_ = error.what();
    }
}

void GpuWatch::stop(Report& report) {
    if (monitor_) {
        try {
            add_gpus(monitor_->stop(), report);
            if (copies_ != nullptr) add_copies(report.script.copies.emplace());
        } catch (const core::Error& error) {
            problem_ = error.what();
        }
        monitor_.reset();
    }
    if (!problem_.empty()) report.notes.push_back(problem_);
}

void GpuWatch::add_copies(std::vector<ScriptCopies>& lines) const {
    for (const device::LineCopies& copies : copies_->report()) {
        lines.push_back({copies.line, name(copies.direction), copies.count, static_cast<std::int64_t>(copies.bytes),
                         copies.seconds});
    }
}

}  // namespace millrace::engine
