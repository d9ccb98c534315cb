#pragma once
// A model, described and loaded.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "device/device.h"
#include "engine/gpu_memory.h"
#include "engine/half_check.h"
#include "infer/engine_runtime.h"
#include "infer/session.h"
#include "millrace/job.h"
#include "pipeline/journal.h"

namespace millrace::engine {

struct LoadedModel {
    infer::ModelRequest request;
    infer::ModelDescription model;
    infer::RuntimeInfo runtime;
    std::unique_ptr<infer::EngineRuntime> engines;  ///< null: the job asks for none, or there is none
    std::string no_engines;  ///< why a job that leaves the runtime open has none, a sentence; "": it has, or wants none
    infer::Engine engine;    ///< that the sessions run; missing: none
    /// One a device, once load_sessions() knows the video's size. All run the same way. None where another process runs
    /// the script.
    std::vector<std::unique_ptr<infer::Session>> sessions;
    std::optional<std::string> parameters;  ///< of a script, as JSON; nullopt: it is an ONNX file
    int asked_batch = 1;                    ///< the model has less where memory was short
    double load_seconds = 0;
};

/// "ONNX Runtime 1.31.1"; "ONNX Runtime 1.31.1, TensorRT 10.13.3" where that runs the model.
[[nodiscard]] std::string runtime_text(const LoadedModel& loaded);

/// Read the model's description. Slow enough to be worth a thread beside open_input(). On a GPU with the runtime of
/// engines that the job asks for, or where it leaves that open, and float16 will do, with fused layers. Throws
/// Error(failed) where TensorRT or cuDNN is asked for and missing.
[[nodiscard]] std::unique_ptr<LoadedModel> load_model(const ModelOptions& options, device::DeviceId device);

/// Whether a job that leaves the runtime open may run fused layers, which are float16.
[[nodiscard]] bool may_fuse(const ModelOptions& options);

/// Where sessions are to run, and with what.
struct SessionPlace {
    std::vector<device::DeviceId> devices;
    GpuMemory gpu_memory;  ///< of each
    infer::Size input;     ///< what the session takes
    /// What an interrupted run of this job recorded, so that this one goes on with the same bits.
    std::optional<pipeline::Identity> earlier;
    /// Makes the first device's session, and checks it where the job asks for that.
    std::function<CheckedSession(const infer::ModelRequest&, const infer::ModelDescription&)> make_first;
};

/// What the report says about how sessions came about.
struct LoadNotes {
    std::vector<std::string> fallbacks;
    std::vector<std::string> notes;
};

/// Fills loaded.sessions. Where they or their results do not fit a GPU's memory, loaded.model gets half the batch, as
/// often as it takes, which is a fallback. Throws what make_session() does; Error(out_of_memory) where a batch of 1
/// does not fit, or the model has a batch of its own.
[[nodiscard]] LoadNotes load_sessions(LoadedModel& loaded, const SessionPlace& place);

}  // namespace millrace::engine
