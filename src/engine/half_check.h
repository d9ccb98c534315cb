#pragma once
// Whether a model with float16 weights still gives what it gave.

#include <memory>
#include <string>
#include <vector>

#include "device/buffer_pool.h"
#include "device/device.h"
#include "device/tensor.h"
#include "engine/opened_input.h"
#include "infer/closeness.h"
#include "infer/engine_cache.h"
#include "infer/session.h"
#include "media/decoder.h"
#include "millrace/job.h"
#include "pipeline/job.h"

namespace millrace::engine {

/// Whether a job may ask for its model's weights as float16. Throws Error(usage) where there is no model, or no GPU.
void check_weights(const Job& job, device::DeviceId device);

/// What a model sees of some of the video, on the host: one entry of its picture input each, without the batch.
class Samples {
  public:
    /// Frames from four places of the video, with the neighbours that the model asks for, the middle tile where it
    /// works on tiles. Of a pipe, which is read once only, test patterns. Throws what reading throws.
    Samples(const OpenedInput& input, const media::DecoderOptions& decoder, const pipeline::ModelPlan& plan);

    [[nodiscard]] const std::vector<device::Tensor>& entries() const { return entries_; }
    /// "4 frames", "2 test patterns".
    [[nodiscard]] const std::string& text() const { return text_; }

  private:
    device::BufferPool pool_;
    std::vector<device::Tensor> entries_;
    std::string text_;
};

/// Run a session on samples, as many side by side as its batch has places; states are zeros.
[[nodiscard]] std::vector<infer::Results> run_samples(infer::Session& session,
                                                      const std::vector<device::Tensor>& entries);

/// A session, and what the report says about how it came about.
struct CheckedSession {
    std::unique_ptr<infer::Session> session;
    infer::Engine engine;  ///< that it runs; missing: none
    std::vector<std::string> notes;
    std::vector<std::string> fallbacks;
};

/// A session for comparison: the model as its file has it, on the runtime's own kernels. Nothing is measured for it, as
/// it runs so few frames.
[[nodiscard]] std::unique_ptr<infer::Session> make_reference_session(const infer::ModelRequest& request,
                                                                     const pipeline::ModelPlan& plan);

/// A session of `request`, which asks for float16 weights and brings no earlier choice. First the model runs on samples
/// as the file has it, then with float16 weights, one after the other, as the memory is for one. Where they are not
/// close, the session is the file's. Throws what make_session() and Samples throw.
[[nodiscard]] CheckedSession make_checked_session(const infer::ModelRequest& request, const pipeline::ModelPlan& plan,
                                                  const Samples& samples);

}  // namespace millrace::engine
