#pragma once
// A video file as frames: in order, or any of them.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>

#include "core/tensor_desc.h"
#include "device/buffer_pool.h"
#include "engine/clip_input.h"
#include "engine/random_reader.h"
#include "infer/model.h"
#include "millrace/job.h"
#include "pipeline/frame_converter.h"
#include "pipeline/frame_stream.h"

namespace millrace::engine {

struct ClipRequest {
    Job job;                 ///< its input and run options
    infer::Settings frames;  ///< what tensors are like, as a model says it: "input.color", "input.size" ...
    core::DType dtype = core::DType::float32;
    int batch = 1;  ///< frames at a time, in order
};

/// Frames come out as a model or script of a run gets them. Thread-safe.
class Clip {
  public:
    /// Opens and indexes. Throws Error(usage | bad_input | failed).
    Clip(const ClipRequest& request, const std::stop_token& stop);

    [[nodiscard]] const ClipInput& input() const { return *input_; }
    /// What tensors are like: one input of this description and size.
    [[nodiscard]] const infer::ModelDescription& model() const { return model_; }
    [[nodiscard]] infer::Size frame() const { return frame_; }

    /// Of all frames. The first call decodes a whole file that has no usable index.
    [[nodiscard]] FrameTimes times(const std::stop_token& stop);
    /// The frames of these numbers, in this order, which may repeat; each is in the clip. Throws Error(bad_input) for
    /// one that cannot be decoded, Error(out_of_memory) where they are more than --memory holds.
    [[nodiscard]] pipeline::FrameBatch frames(std::span<const std::int64_t> numbers, const std::stop_token& stop);
    /// All frames in order. May be called again, and while another stream is in use.
    [[nodiscard]] std::unique_ptr<pipeline::FrameStream> stream() const;

  private:
    const FrameTimes& known_times(const std::stop_token& stop);
    [[nodiscard]] device::Tensor lease(std::size_t count);
    [[nodiscard]] std::size_t memory() const;
    [[nodiscard]] pipeline::FrameStreamPlan stream_plan() const;

    /// How far a stream may go ahead.
    struct Ahead {
        std::size_t lanes = 1;
        std::size_t pictures = 2;
    };
    [[nodiscard]] Ahead ahead_on_host() const;
    [[nodiscard]] Ahead ahead_on_gpu() const;

    RunOptions run_;  ///< with its memory, also where none was asked for
    std::shared_ptr<ClipInput> input_;
    infer::ModelDescription model_;
    infer::Size frame_;

    std::mutex mutex_;  ///< of what follows: frames by number are one caller's at a time
    std::optional<FrameTimes> times_;
    RandomReader random_;
    pipeline::FrameConverter converter_;
    std::optional<device::BufferPool> pool_;
    std::size_t pool_frames_ = 0;  ///< of the pool's blocks
};

}  // namespace millrace::engine
