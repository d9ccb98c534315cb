#include "core/error.h"
#include "device/cuda/activity.h"

namespace millrace::device {

struct ActivityMonitor::Impl {};

ActivityMonitor::ActivityMonitor(CopyLedger* /*copies*/, std::chrono::milliseconds /*kernel_watch*/) {
    throw core::Error(core::ErrorCode::failed, "GPU activity is not measured: this millrace was built without CUDA");
}

ActivityMonitor::~ActivityMonitor() = default;
ActivityMonitor::ActivityMonitor(ActivityMonitor&&) noexcept = default;
ActivityMonitor& ActivityMonitor::operator=(ActivityMonitor&&) noexcept = default;

ActivityReport ActivityMonitor::stop() { return {}; }

}  // namespace millrace::device
