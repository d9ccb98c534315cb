#pragma once
// A job's script: as it is known to the process that plans, and as it runs in a worker.

#include <cstdint>
#include <functional>
#include <memory>

#include "device/copy_ledger.h"
#include "device/device.h"
#include "engine/gil_waits.h"
#include "engine/model_sessions.h"
#include "infer/script.h"
#include "infer/session.h"
#include "millrace/job.h"

namespace millrace::engine {

struct CallTimes {
    double now = 0;       ///< seconds since the call that is running began; 0: none is
    double inside = 0;    ///< seconds in calls that have ended
    double gil_wait = 0;  ///< seconds before them, for Python's lock
    std::int64_t calls = 0;
};

struct Script {
    using MakeSession =
        std::function<std::unique_ptr<infer::Session>(const infer::ModelDescription&, infer::Size, device::DeviceId)>;

    infer::ScriptDescription description;
    /// Empty in the process that plans, whose job then has no session.
    MakeSession make_session;
    /// Gives the script a state that it had; empty where the script keeps none. Before the first frame.
    std::function<void(const std::string&)> load;
    /// After the last frame; may be empty.
    std::function<void()> end;
    /// Both of the process so far. Thread-safe.
    std::function<CallTimes()> times;
    std::function<GilWaits()> gil_waits;
    /// That it asks for on a GPU; outlives the worker. Null in the process that plans.
    device::CopyLedger* copies = nullptr;
};

/// The script in the place of a model, for a job's video. Throws Error(usage) for settings that contradict one another,
/// Error(bad_input) for a video without what it takes.
[[nodiscard]] std::unique_ptr<LoadedModel> load_script(const Job& job, const Script& script,
                                                       const core::PictureDesc& video);

}  // namespace millrace::engine
