#include "pipeline/frame_multiplier.h"

#include <algorithm>
#include <utility>

namespace millrace::pipeline {

void FrameMultiplier::add(FrameResult frame) {
    if (rate_ == 1) return emit_(std::move(frame));
    if (last_) end(frame.tag.pts);
    last_ = std::move(frame);
}

void FrameMultiplier::end(std::int64_t end) {
    if (!last_) return;
    const FrameTag& tag = last_->tag;
    const auto& result = std::get<ModelResult>(last_->content);
    const std::int64_t duration = std::max<std::int64_t>(1, end - tag.pts);
    for (int i = 0; i < rate_; ++i) {
        FrameTag own = tag;
        own.pts = tag.pts * rate_ + duration * i;
        own.duration = duration;
        emit_({std::move(own), ModelResult{result.tile, result.slot * rate_ + i, result.outputs}});
    }
    last_.reset();
}

}  // namespace millrace::pipeline
