#include "infer/engine_runtime.h"

#include <fmt/format.h>

namespace millrace::infer {

EngineKey engine_key(const EngineJob& job, const EngineRuntime& engines, const std::string& runtime,
                     const std::string& device) {
    return {{"model", job.model.sha256},
            // ONNX Runtime names its files by it.
            {"file", std::filesystem::path(job.model.path).filename().string()},
            {"shape", fmt::format("{} x {} x {}", job.model.batch, job.input.width, job.input.height)},
            {"precision", job.request.weights == Weights::fp16 ? "fp16" : "as it is"},
            {"device", device},
            {"runtime", runtime},
            {"engines", engines.version()}};
}

ModelRequest with_engine(const ModelRequest& request, const EngineRuntime& engines,
                         const std::filesystem::path& folder) {
    ModelRequest with = request;
    with.choice = RuntimeChoice{.provider = engines.provider(), .weights = request.weights};
    with.engine = folder.string();
    return with;
}

}  // namespace millrace::infer
