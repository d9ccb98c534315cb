#pragma once
// Frames of several segments share the batches of one model.

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

#include "core/tensor_desc.h"
#include "device/buffer_pool.h"
#include "device/tensor.h"
#include "pipeline/frame.h"

namespace millrace::pipeline {

/// Who a slot of a batch belongs to.
struct SlotOwner {
    std::shared_ptr<ResultSink> sink;
    FrameTag tag;
    int tile = 0;
};

/// The input of one run of the model, on the batcher's device. Slots that nobody took are zero.
struct Batch {
    device::Tensor input;  ///< [N, ...]
    std::vector<SlotOwner> owners;
};

/// Lanes write their frames straight into slots. A batch leaves when it is full, when its oldest frame has waited
/// `timeout`, or on flush(). Thread-safe.
class Batcher {
  public:
    struct Settings {
        int in_flight = 1;                  ///< batches that exist at once, at most
        std::chrono::milliseconds timeout;  ///< a batch leaves when its oldest frame waited this long
        device::DeviceId device;            ///< where the batches are
    };
    /// `batch_desc`: shape [N, ...] of the model's picture input.
    Batcher(core::TensorDesc batch_desc, Settings settings);

    struct Open;
    /// A place in the next batch; `input` is the memory to fill, [...] without the batch dimension. Where that is on a
    /// GPU, filling it need only be enqueued when it is committed.
    struct Slot {
        std::shared_ptr<Open> batch;
        int index = 0;
        device::Tensor input;
    };

    /// Blocks while all batches are in flight. nullopt: stopped.
    [[nodiscard]] std::optional<Slot> reserve(const std::stop_token& stop);
    /// The slot's memory is written.
    void commit(Slot slot, SlotOwner owner);
    /// A lane ended or a segment did: do not wait for more frames.
    void flush();
    /// No more slots will be reserved.
    void close();

    /// The next batch to run, in the order in which they were begun; zeros are enqueued on `stream`. nullopt: closed
    /// and empty, or stopped.
    [[nodiscard]] std::optional<Batch> pop(device::StreamRef stream, const std::stop_token& stop);

    /// Where the batches are.
    [[nodiscard]] device::DeviceId device() const { return pool_.device(); }
    /// Whether somebody waits in pop() for frames that no lane has brought yet.
    [[nodiscard]] bool starving() const;

  private:
    void seal_open();
    [[nodiscard]] bool front_ready() const;

    core::TensorDesc desc_;
    std::chrono::milliseconds timeout_;
    device::BufferPool pool_;
    std::mutex begin_mutex_;  ///< one lane begins a new batch at a time; held while it waits for memory
    mutable std::mutex mutex_;
    std::condition_variable_any changed_;
    std::shared_ptr<Open> open_;
    std::deque<std::shared_ptr<Open>> queue_;  ///< begun batches, the open one last
    int waiting_ = 0;                          ///< threads in pop() with nothing to take
    bool closed_ = false;
};

}  // namespace millrace::pipeline
