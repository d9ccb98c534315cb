#include "infer/fused/engines.h"

#include <utility>

#include "infer/fused/cudnn_library.h"
#include "infer/onnxruntime/cuda_provider.h"

namespace millrace::infer {
namespace {

/// An engine is the plans of a net's layers.
class FusedEngines final : public EngineRuntime {
  public:
    explicit FusedEngines(std::string version) : version_(std::move(version)) {}

    [[nodiscard]] std::string version() const override { return version_; }
    [[nodiscard]] Provider provider() const override { return Provider::fused; }

    void build(const EngineJob& job, const std::filesystem::path& folder, const BuildProgress& progress) override {
        (void)fused::make_fused_session(with_engine(job.request, *this, folder), job.model, job.input, progress);
    }

    [[nodiscard]] std::unique_ptr<Session> load(const EngineJob& job, const std::filesystem::path& folder) override {
        return make_session(with_engine(job.request, *this, folder), job.model, job.input);
    }

  private:
    std::string version_;
};

}  // namespace

std::unique_ptr<EngineRuntime> load_fused(const std::string& runtime_library) {
    const RuntimeInfo runtime = load_runtime(runtime_library);
    return std::make_unique<FusedEngines>("fused layers on " +
                                          fused::require_cudnn(ort::package_folders(runtime.path)));
}

}  // namespace millrace::infer
