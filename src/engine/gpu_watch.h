#pragma once
// What the GPUs did during a run, for its report.

#include <optional>
#include <string>
#include <vector>

#include "device/copy_ledger.h"
#include "device/cuda/activity.h"
#include "device/device.h"
#include "millrace/report.h"

namespace millrace::engine {

/// Watches from construction to stop(), where the run works on a GPU. A machine that cannot measure that is no error: a
/// note says so.
class GpuWatch {
  public:
    /// `copies`: of the process's script; null: it has none.
    explicit GpuWatch(const std::vector<device::DeviceId>& devices, device::CopyLedger* copies = nullptr);
    /// All work is done. Writes Report::gpus and the script's copies, or a note.
    void stop(Report& report);

  private:
    void add_copies(std::vector<ScriptCopies>& lines) const;

    device::CopyLedger* copies_;
    std::optional<device::ActivityMonitor> monitor_;
    std::string problem_;
};

}  // namespace millrace::engine
