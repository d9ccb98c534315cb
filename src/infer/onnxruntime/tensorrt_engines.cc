#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "infer/engine_runtime.h"
#include "infer/onnxruntime/tensorrt_provider.h"

namespace millrace::infer {
namespace {

namespace fs = std::filesystem;

/// ONNX Runtime builds an engine when a session is made that finds none in its folder.
class TensorRtEngines final : public EngineRuntime {
  public:
    explicit TensorRtEngines(std::string version) : version_(std::move(version)) {}

    [[nodiscard]] std::string version() const override { return version_; }
    [[nodiscard]] Provider provider() const override { return Provider::tensorrt; }

    void build(const EngineJob& job, const fs::path& folder, const BuildProgress& /*progress*/) override {
        fs::create_directory(folder / timings);
        (void)make_session(with_engine(job.request, *this, folder), job.model, job.input);
        if (has_engine(folder)) return;
        throw core::Error(core::ErrorCode::failed,
                          fmt::format("TensorRT takes no part of model {}: no engine was built", job.model.path));
    }

    [[nodiscard]] std::unique_ptr<Session> load(const EngineJob& job, const fs::path& folder) override {
        return make_session(with_engine(job.request, *this, folder), job.model, job.input);
    }

  private:
    static bool has_engine(const fs::path& folder) {
        return std::ranges::any_of(fs::directory_iterator(folder), [](const fs::directory_entry& file) {
            return file.path().extension() == ".engine";
        });
    }

    std::string version_;
};

}  // namespace

std::unique_ptr<EngineRuntime> load_tensorrt(const std::string& runtime_library) {
    return std::make_unique<TensorRtEngines>(ort::require_tensorrt(runtime_library));
}

}  // namespace millrace::infer
