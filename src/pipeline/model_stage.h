#pragma once
// The threads that run the model.

#include <thread>
#include <vector>

#include "device/buffer_pool.h"
#include "infer/session.h"
#include "pipeline/batcher.h"
#include "pipeline/failure.h"
#include "pipeline/profile.h"

namespace millrace::pipeline {

/// Takes batches from a batcher, runs them, hands every frame's results to its segment. A model with state has one
/// worker, which carries the state from frame to frame.
class ModelStage {
  public:
    ModelStage(infer::Session& session, Batcher& batcher, Profile& profile, Failure& failure);

    /// Start `workers` threads.
    void start(int workers);
    /// Wait for them: the batcher must be closed, or the job stopped.
    void join();

  private:
    void work();
    [[nodiscard]] std::vector<device::Tensor> lease_outputs();
    [[nodiscard]] std::vector<device::Tensor> zero_states();
    /// All inputs in the order of ports: the batch, and the states.
    [[nodiscard]] std::vector<device::Tensor> gather_inputs(const Batch& batch,
                                                            const std::vector<device::Tensor>& states) const;
    void deliver(Batch batch, std::vector<device::Tensor> outputs);

    infer::Session& session_;
    Batcher& batcher_;
    Profile& profile_;
    Failure& failure_;
    device::BufferPool outputs_;
    std::vector<std::jthread> workers_;
};

}  // namespace millrace::pipeline
