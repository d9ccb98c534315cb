#pragma once
// The threads that run the model.

#include <deque>
#include <optional>
#include <thread>
#include <vector>

#include "device/buffer_pool.h"
#include "device/stream.h"
#include "infer/session.h"
#include "pipeline/batcher.h"
#include "pipeline/failure.h"
#include "pipeline/profile.h"

namespace millrace::pipeline {

/// Runs that are enqueued on a GPU, so that it goes on with the next while the host prepares another: at most `limit`,
/// the oldest of which is waited for. Counts the time that each took there. On the host nothing waits. Not thread-safe.
class RunsInFlight {
  public:
    RunsInFlight(device::StreamRef stream, Profile& profile);
    /// Around the enqueueing of a run.
    void begin();
    void end();
    /// Waits until so many are left.
    void wait_down_to(std::size_t count);

    static constexpr std::size_t limit = 2;

  private:
    struct Run {
        device::Event begin;
        device::Event end;
    };

    device::StreamRef stream_;
    Profile& profile_;
    Clock::time_point began_;
    std::deque<Run> runs_;
};

/// Takes batches from a batcher, runs them, hands every frame's results to its segment. A model with state has one
/// worker, which carries the state from frame to frame. Results on a GPU are handed on when they are enqueued; data
/// comes down to the host.
class ModelStage {
  public:
    /// Results on the session's device.
    struct Results {
        std::size_t memory = 0;                                     ///< bytes, where that is a GPU
        std::optional<infer::PackedPicture> packed = std::nullopt;  ///< the picture among them
    };

    ModelStage(infer::Session& session, Batcher& batcher, Profile& profile, Failure& failure, Results results);

    /// Start `workers` threads.
    void start(int workers);
    /// Wait for them: the batcher must be closed, or the job stopped.
    void join();

  private:
    using Tensors = std::vector<device::Tensor>;

    void work();
    /// Empty: stopped.
    [[nodiscard]] Tensors run(const Batch& batch, Tensors& states);
    /// Blocks while results take all the memory that they may. Empty: stopped.
    [[nodiscard]] Tensors lease_outputs();
    [[nodiscard]] Tensors zero_states();
    /// All inputs in the order of ports: the batch, and the states.
    [[nodiscard]] Tensors gather_inputs(const Batch& batch, const Tensors& states) const;
    /// Where data is worked on: on the host.
    [[nodiscard]] Tensors downloaded(const Tensors& outputs);
    void deliver(Batch batch, Tensors outputs);

    infer::Session& session_;
    Batcher& batcher_;
    Profile& profile_;
    Failure& failure_;
    device::StreamRef stream_;
    std::vector<core::TensorDesc> output_descs_;
    device::BufferPool outputs_;
    device::BufferPool downloads_;
    std::vector<std::jthread> workers_;
};

}  // namespace millrace::pipeline
