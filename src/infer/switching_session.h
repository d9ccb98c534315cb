#pragma once
// Serving while something faster is made.

#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "device/buffer_pool.h"
#include "device/stream.h"
#include "infer/closeness.h"
#include "infer/session.h"

namespace millrace::infer {

/// making: the other session is on its way. checking: it is there, and runs what the first one runs. switched: it
/// serves. kept: the first one serves for good.
enum class SwitchState { making, checking, switched, kept };

/// Serves from one session while a thread makes another, compares the two on batches as they come, and goes over to
/// the other between two runs. Whatever goes wrong with the other, the first one goes on serving.
///
/// Results differ in their last bits from the switch on, and when it comes is a matter of time: for whoever serves many
/// callers for long, not for a run that promises the same file again.
class SwitchingSession final : public Session {
  public:
    /// Makes the other session, in a thread; may take minutes, and gives up when the token says so, if it can. Throws
    /// what it likes.
    using Make = std::function<std::unique_ptr<Session>(const std::stop_token&)>;

    /// `batches` runs in a row are compared before the switch, and take longer. `first` is not null.
    SwitchingSession(std::unique_ptr<Session> first, Make make, int batches = 4);
    /// Waits for `make` to end.
    ~SwitchingSession() override;
    SwitchingSession(const SwitchingSession&) = delete;
    SwitchingSession& operator=(const SwitchingSession&) = delete;
    SwitchingSession(SwitchingSession&&) = delete;
    SwitchingSession& operator=(SwitchingSession&&) = delete;

    [[nodiscard]] const ModelDescription& model() const override { return model_; }
    [[nodiscard]] const std::vector<core::TensorDesc>& input_descs() const override { return inputs_; }
    [[nodiscard]] const std::vector<core::TensorDesc>& output_descs() const override { return outputs_; }
    /// Its own, before and after the switch.
    [[nodiscard]] device::StreamRef stream() const override { return stream_; }
    void run(device::StreamRef stream, const RunTensors& tensors) override;
    /// Of the session that serves now; how the other one fared is a note.
    [[nodiscard]] SessionReport report() const override;

    [[nodiscard]] SwitchState state() const;

  private:
    using Tensors = std::span<const device::Tensor>;
    void make(const Make& make, const std::stop_token& stop);
    void serve(Session& session, const RunTensors& tensors);
    void compare(Session& other, const RunTensors& tensors);
    [[nodiscard]] Results read(Tensors outputs);
    void take(const Verdict& verdict);
    void keep(const std::string& reason);

    const ModelDescription model_;
    const std::vector<core::TensorDesc> inputs_;
    const std::vector<core::TensorDesc> outputs_;
    const int batches_;
    device::Stream stream_;
    device::BufferPool scratch_;  ///< the other's outputs
    device::BufferPool host_;

    mutable std::mutex mutex_;  ///< what follows
    SwitchState state_ = SwitchState::making;
    std::shared_ptr<Session> serving_;
    std::shared_ptr<Session> other_;  ///< while checking
    int agreed_ = 0;
    std::string note_;

    std::mutex comparing_;  ///< one run at a time is compared
    std::jthread maker_;    ///< last: it uses the others
};

}  // namespace millrace::infer
