#pragma once
// All frames of a file as batches of tensors, in order, made ahead of whoever takes them.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "device/buffer_pool.h"
#include "device/tensor.h"
#include "infer/model.h"
#include "media/frame_reader.h"
#include "pipeline/job.h"
#include "pipeline/ordered_pictures.h"

namespace millrace::pipeline {

/// Frames as tensors. Where `tensor` is on a GPU its timeline says when it is written.
struct FrameBatch {
    device::Tensor tensor;              ///< [frames, C, H, W] or [frames, H, W, C]
    std::vector<std::int64_t> numbers;  ///< among the frames that are read, from 0
    std::vector<std::int64_t> pts;      ///< in the stream's time base
};

/// What was not as it should be, so far.
struct ReadLosses {
    std::int64_t decode_errors = 0;
    std::int64_t retimed = 0;
    std::int64_t reshaped = 0;
    std::vector<std::int64_t> corrupt_pts;  ///< kept, damaged
    std::vector<std::int64_t> dropped_pts;
    std::vector<std::int64_t> missing_pts;
};

struct FrameStreamPlan {
    InputPlan input;
    infer::ModelDescription model;  ///< whose input the tensors are; `batch` frames at a time
    infer::Size frame;              ///< of the tensors
    device::DeviceId device;        ///< of the tensors
    int lanes = 1;                  ///< segments read at once
    int converters = 1;             ///< threads that make tensors
    std::size_t pictures = 8;       ///< that may wait, decoded
    std::size_t batches = 2;        ///< made or being made, and not yet taken
};

/// A file's reader, which gives up waiting for memory when stopped. Called by several threads.
using OpenReader = std::function<std::unique_ptr<media::FrameReader>(const std::stop_token&)>;

/// Begins to work when constructed. Batches are full but for the last one, and hold no frame that is missing or
/// dropped; whatever is kept of them is their holder's matter and keeps nothing waiting. next() is for one thread at a
/// time, the rest for any.
class FrameStream {
  public:
    FrameStream(FrameStreamPlan plan, OpenReader open_reader);
    /// Stops and waits for the threads.
    ~FrameStream();
    FrameStream(const FrameStream&) = delete;
    FrameStream& operator=(const FrameStream&) = delete;
    FrameStream(FrameStream&&) = delete;
    FrameStream& operator=(FrameStream&&) = delete;

    enum class Next { batch, ended, timed_out, stopped };
    /// Waits at most `timeout`. Throws what went wrong, behind all batches before it. stopped: stop() came before the
    /// end.
    Next next(FrameBatch& batch, std::chrono::milliseconds timeout);
    void stop();
    [[nodiscard]] ReadLosses losses() const;

  private:
    struct Open;
    struct Work;

    void read_segments();
    bool read(media::FrameReader& reader, std::size_t number);
    [[nodiscard]] bool keeps(media::FrameReader& reader, const device::Picture& picture);
    void add(const ReadLosses& more);

    void convert_frames();
    bool take(Work& work);
    bool reserve(Work& work);
    void commit(const Work& work);
    void end(std::exception_ptr error);
    void fail(std::exception_ptr error);

    const FrameStreamPlan plan_;
    const OpenReader open_reader_;
    core::TensorDesc batch_desc_;
    device::BufferPool pool_;
    OrderedPictures pictures_;
    std::int64_t first_ = 0;  ///< number within the index of the first frame that is read

    std::stop_source stop_;
    std::mutex turn_;  ///< one converter at a time takes the next frame and its slot; held while it waits for them
    mutable std::mutex mutex_;
    std::condition_variable_any changed_;
    std::deque<std::shared_ptr<Open>> batches_;  ///< in order; the one being filled is the last
    bool ended_ = false;                         ///< no more frames will be taken
    std::exception_ptr error_;
    bool broken_ = false;  ///< a batch will never be complete
    ReadLosses losses_;
    std::vector<std::jthread> threads_;  ///< last: they use all of the above
};

}  // namespace millrace::pipeline
