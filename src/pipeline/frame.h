#pragma once
// What travels between the stages.

#include <cstdint>
#include <memory>
#include <stop_token>
#include <variant>
#include <vector>

#include "core/outcome.h"
#include "device/picture.h"
#include "device/tensor.h"
#include "infer/frame_stamp.h"

namespace millrace::pipeline {

/// Which frame of its segment something belongs to.
struct FrameTag {
    std::int64_t ordinal = 0;  ///< among the segment's frames, presentation order, from 0
    std::int64_t pts = 0;
    std::int64_t duration = 0;
    /// The decoded picture, kept where the result needs it (chroma for models of luma); else null.
    std::shared_ptr<const device::Picture> source;
};

/// One run's results for one frame, or for one tile of it: entry `slot` of all outputs of the model.
struct ModelResult {
    int tile = 0;
    int slot = 0;
    std::shared_ptr<const std::vector<device::Tensor>> outputs;
};

/// A frame on its way to its segment's output: decoded, where there is no model, or processed.
struct FrameResult {
    FrameTag tag;
    std::variant<device::Picture, ModelResult> content;
};

/// Where results of one segment go. Thread-safe; results may come in any order of ordinals.
class ResultSink {
  public:
    virtual ~ResultSink() = default;
    /// Which of the input's frames one of the segment's is. Lost frames count, as far as the index knows of them.
    [[nodiscard]] virtual infer::FrameStamp stamp_of(const FrameTag& tag) const = 0;
    /// Blocks while the segment's queue is full.
    virtual core::Push push(FrameResult result, const std::stop_token& stop) = 0;
};

}  // namespace millrace::pipeline
