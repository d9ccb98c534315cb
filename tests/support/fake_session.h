#pragma once
// A session without a runtime, and a runtime of engines that are text files: what takes TensorRT's place in tests.

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "infer/engine_runtime.h"
#include "infer/session.h"

namespace millrace::test {

/// A picture model whose every value is its input's.
inline infer::ModelDescription fake_model() {
    infer::ModelDescription model;
    model.path = "fake.onnx";
    model.sha256 = "abc";
    model.inputs.push_back({"input", {core::DType::float32, {-1, 3, -1, -1}}});
    model.outputs.push_back({"output", {core::DType::float32, {-1, 3, -1, -1}}});
    return model;
}

/// What a FakeSession computes: every value times `gain`, after `before`; and how it says that it does.
struct FakeWork {
    float gain = 1;
    std::function<void()> before = {};
    infer::RuntimeChoice choice = {};
    std::string libraries = {};
};

/// Runs on the host, from several threads at once.
class FakeSession final : public infer::Session {
  public:
    FakeSession(infer::ModelDescription model, infer::Size size, FakeWork work)
        : model_(std::move(model)),
          work_(std::move(work)),
          descs_{{core::DType::float32, {model_.batch, 3, size.height, size.width}}} {}

    [[nodiscard]] const infer::ModelDescription& model() const override { return model_; }
    [[nodiscard]] const std::vector<core::TensorDesc>& input_descs() const override { return descs_; }
    [[nodiscard]] const std::vector<core::TensorDesc>& output_descs() const override { return descs_; }
    [[nodiscard]] device::StreamRef stream() const override { return device::host_stream(); }
    void run(device::StreamRef /*stream*/, const infer::RunTensors& tensors) override {
        const auto& [inputs, outputs, frames] = tensors;
        if (work_.before) work_.before();
        const std::span values(inputs[0].as<float>(), static_cast<std::size_t>(descs_[0].element_count()));
        std::ranges::transform(values, outputs[0].as<float>(), [this](float value) { return work_.gain * value; });
    }
    [[nodiscard]] infer::SessionReport report() const override {
        infer::SessionReport report;
        report.choice = work_.choice;
        report.libraries = work_.libraries;
        return report;
    }

  private:
    infer::ModelDescription model_;
    FakeWork work_;
    std::vector<core::TensorDesc> descs_;
};

/// Its engines hold the gain of their sessions, as text.
class FakeEngines final : public infer::EngineRuntime {
  public:
    [[nodiscard]] std::string version() const override { return "Stand-in 1.0"; }
    [[nodiscard]] infer::Provider provider() const override { return infer::Provider::tensorrt; }

    void build(const infer::EngineJob& /*job*/, const std::filesystem::path& folder,
               const infer::BuildProgress& progress) override {
        ++builds;
        for (int done = 0; progress && done <= pieces && pieces > 0; ++done) progress(done, pieces);
        std::ofstream(folder / "model.engine") << gain;
        if (while_building) while_building();
    }

    [[nodiscard]] std::unique_ptr<infer::Session> load(const infer::EngineJob& job,
                                                       const std::filesystem::path& folder) override {
        ++loads;
        if (while_loading) while_loading(folder);
        if (!problem.empty()) throw core::Error(core::ErrorCode::failed, problem);
        std::ifstream file(folder / "model.engine");
        FakeWork work{1, while_running, {.provider = provider()}};
        file >> work.gain;
        return std::make_unique<FakeSession>(job.model, job.input, work);
    }

    float gain = 1;
    int pieces = 0;                        ///< that it tells of while it builds
    std::string problem;                   ///< of every load
    std::function<void()> while_building;  ///< with the engine written
    std::function<void()> while_running;
    std::function<void(const std::filesystem::path&)> while_loading;
    std::atomic<int> builds = 0;
    std::atomic<int> loads = 0;
};

}  // namespace millrace::test
