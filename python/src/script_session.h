#pragma once
// A script as a session of the engine.

#include <nanobind/nanobind.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "infer/script.h"
#include "infer/session.h"

namespace millrace::python {

/// Since when a call into the script has been running. Thread-safe.
class CallClock {
  public:
    void begin() { began_ = now(); }
    void end() { began_ = 0; }
    /// 0: none is.
    [[nodiscard]] double seconds() const {
        const std::int64_t began = began_;
        return began == 0 ? 0 : static_cast<double>(now() - began) / 1e9;
    }

  private:
    static std::int64_t now() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

    std::atomic<std::int64_t> began_{0};
};

/// Calls the script's flush() and close(). Takes the GIL. Throws what they raise, as core::Error.
void end_script(const std::string& path, nanobind::handle calls, CallClock& clock);

/// Calls a script on the host. run() takes the GIL, and no other thread of the engine does. Results are copied into
/// the outputs, as a script may use its memory again.
class ScriptSession final : public infer::Session {
  public:
    /// `calls`: a _Calls of millrace/_worker.py. Its setup() is called. Throws what that raises, as core::Error.
    ScriptSession(const infer::ScriptDescription& script, infer::ModelDescription model, infer::Size input,
                  nanobind::handle calls, CallClock& clock);

    [[nodiscard]] const infer::ModelDescription& model() const override { return model_; }
    [[nodiscard]] const std::vector<core::TensorDesc>& input_descs() const override { return inputs_; }
    [[nodiscard]] const std::vector<core::TensorDesc>& output_descs() const override { return outputs_; }
    [[nodiscard]] device::StreamRef stream() const override { return device::host_stream(); }
    void run(device::StreamRef stream, const infer::RunTensors& tensors) override;
    [[nodiscard]] infer::SessionReport report() const override { return {}; }

  private:
    void check_kept(const device::Tensor& batch);
    [[nodiscard]] nanobind::object process(const infer::RunTensors& tensors);
    void take_pictures(nanobind::handle results, const infer::RunTensors& tensors) const;
    void take_lines(nanobind::handle results, const infer::RunTensors& tensors) const;

    infer::ModelDescription model_;
    std::vector<core::TensorDesc> inputs_;
    std::vector<core::TensorDesc> outputs_;
    nanobind::handle calls_;  ///< borrowed: lives as long as the worker
    CallClock& clock_;
    std::vector<std::weak_ptr<void>> given_;  ///< batches that the script may have kept
};

}  // namespace millrace::python
