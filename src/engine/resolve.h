#pragma once
// From what a user asked for to what the pipeline runs.

#include <memory>
#include <string>
#include <vector>

#include "device/buffer_pool.h"
#include "device/device.h"
#include "engine/engine_session.h"
#include "engine/gpu_memory.h"
#include "engine/model_sessions.h"
#include "engine/opened_input.h"
#include "engine/script.h"
#include "media/surface_budget.h"
#include "millrace/job.h"
#include "pipeline/job.h"

namespace millrace::engine {

/// A job that is ready to run.
struct PreparedJob {
    std::vector<device::DeviceId> devices{device::DeviceId{}};
    GpuMemory gpu_memory;  ///< of each
    /// Where NVDEC puts its pictures, one a device; empty where the CPU decodes.
    std::vector<std::unique_ptr<device::BufferPool>> decoded;
    std::vector<std::shared_ptr<media::SurfaceBudget>> surfaces;  ///< beside `decoded`
    OpenedInput input;
    std::unique_ptr<LoadedModel> model;  ///< null: none
    pipeline::ResolvedJob job;
    std::string tuned;  ///< settings that may change bits and came from tuning, as JSON; empty: none
    std::vector<std::string> fallbacks;
    std::vector<std::string> notes;
};

/// Open, index, load, decide and check everything. Nothing is written, but for an engine that the job asks for and the
/// cache has not; with an empty `building` not that either. Throws Error(usage | bad_input | failed).
/// `script`: the job's, where it has one.
[[nodiscard]] PreparedJob prepare_job(const Job& job, const std::stop_token& stop, const Building& building = {},
                                      const Script* script = nullptr);

/// What of the input the output's container has no place for, in the words that the report will have.
[[nodiscard]] std::vector<std::string> foreseen_losses(const PreparedJob& prepared);

/// Gives a job without an output one in the folder for temporary files, of whichever kind it writes: for jobs that are
/// looked at, or measured.
void use_scratch_output(Job& job);

}  // namespace millrace::engine
