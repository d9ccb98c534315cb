#pragma once
// A script as a session of the engine.

#include <nanobind/nanobind.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "call_thread.h"
#include "device/stream.h"
#include "infer/script.h"
#include "infer/session.h"
#include "script_frames.h"

namespace millrace::python {

/// What a script is made for.
struct ScriptPlace {
    infer::ModelDescription model;
    infer::Size input;
    device::DeviceId device;
};

/// Calls the script's load(). Throws what it raises, as core::Error.
void load_script(const std::string& path, nanobind::handle hooks, const std::string& state, CallThread& calls);

/// Calls the script's flush() and close(). Throws what they raise, as core::Error.
void end_script(const std::string& path, nanobind::handle hooks, CallThread& calls);

/// Calls a script. Results are copied into the outputs.
class ScriptSession final : public infer::Session {
  public:
    /// `hooks`: a _Calls of millrace/_worker.py. Its setup() is called. Throws what that raises, as core::Error.
    ScriptSession(const infer::ScriptDescription& script, const ScriptPlace& place, nanobind::handle hooks,
                  CallThread& calls);
    ~ScriptSession() override;
    ScriptSession(const ScriptSession&) = delete;
    ScriptSession& operator=(const ScriptSession&) = delete;
    ScriptSession(ScriptSession&&) = delete;
    ScriptSession& operator=(ScriptSession&&) = delete;

    [[nodiscard]] const infer::ModelDescription& model() const override { return model_; }
    [[nodiscard]] const std::vector<core::TensorDesc>& input_descs() const override { return inputs_; }
    [[nodiscard]] const std::vector<core::TensorDesc>& output_descs() const override { return outputs_; }
    [[nodiscard]] device::StreamRef stream() const override { return frames_.stream(); }
    void run(device::StreamRef stream, const infer::RunTensors& tensors) override;
    [[nodiscard]] infer::SessionReport report() const override { return {}; }

  private:
    void process(const infer::RunTensors& tensors);
    /// One script of the chain.
    [[nodiscard]] nanobind::object call(std::size_t step, const device::Tensor& input,
                                        std::span<const infer::FrameStamp> frames);
    /// The frames in the script's dtype.
    [[nodiscard]] device::Tensor handed_over(const device::Tensor& frames);
    /// What a script made, for the next one.
    [[nodiscard]] device::Tensor handed_on(std::size_t step, nanobind::handle results, std::size_t frames);
    void take_lines(nanobind::handle results, const infer::RunTensors& tensors) const;

    infer::ModelDescription model_;
    core::DType dtype_;  ///< of what the scripts see
    std::vector<core::TensorDesc> inputs_;
    std::vector<core::TensorDesc> steps_;  ///< of what each script of the chain makes
    std::vector<core::TensorDesc> outputs_;
    nanobind::handle hooks_;  ///< borrowed: lives as long as the worker
    CallThread& calls_;
    ScriptFrames frames_;
};

}  // namespace millrace::python
