#pragma once
// A job's script: as it is known to the process that plans, and as it runs in a worker.

#include <functional>
#include <memory>

#include "device/device.h"
#include "engine/model_sessions.h"
#include "infer/script.h"
#include "infer/session.h"
#include "millrace/job.h"

namespace millrace::engine {

struct Script {
    using MakeSession =
        std::function<std::unique_ptr<infer::Session>(const infer::ModelDescription&, infer::Size, device::DeviceId)>;

    infer::ScriptDescription description;
    /// Empty in the process that plans, whose job then has no session.
    MakeSession make_session;
    /// After the last frame; may be empty.
    std::function<void()> end;
};

/// The script in the place of a model. Throws Error(usage) for settings that contradict one another.
[[nodiscard]] std::unique_ptr<LoadedModel> load_script(const Job& job, const Script& script);

}  // namespace millrace::engine
