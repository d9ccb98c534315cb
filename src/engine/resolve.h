#pragma once
// From what a user asked for to what the pipeline runs.

#include <memory>
#include <string>
#include <vector>

#include "device/buffer_pool.h"
#include "device/device.h"
#include "engine/gpu_memory.h"
#include "engine/opened_input.h"
#include "infer/session.h"
#include "millrace/job.h"
#include "pipeline/job.h"

namespace millrace::engine {

/// A model, described and loaded.
struct LoadedModel {
    infer::ModelRequest request;
    infer::ModelDescription model;
    infer::RuntimeInfo runtime;
    std::unique_ptr<infer::Session> session;  ///< once prepare_job() knows the video's size
    double load_seconds = 0;
};

/// Read the model's description. Slow enough to be worth a thread beside open_input().
[[nodiscard]] std::unique_ptr<LoadedModel> load_model(const ModelOptions& options);

/// A job that is ready to run.
struct PreparedJob {
    device::DeviceId device;
    GpuMemory gpu_memory;
    /// Where NVDEC puts its pictures; null where the CPU decodes.
    std::unique_ptr<device::BufferPool> decoded;
    OpenedInput input;
    std::unique_ptr<LoadedModel> model;  ///< null: none
    pipeline::ResolvedJob job;
    std::vector<std::string> fallbacks;
    std::vector<std::string> notes;
};

/// Open, index, load, decide and check everything. Nothing is written. Throws Error(usage | bad_input | failed).
[[nodiscard]] PreparedJob prepare_job(const Job& job, const std::stop_token& stop);

}  // namespace millrace::engine
