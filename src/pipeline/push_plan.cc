#include "pipeline/push_plan.h"

#include <utility>

namespace millrace::pipeline {

PushPlan::PushPlan(std::int64_t length, int context_frames, std::map<int, SegmentRecord> finished)
    : length_(length), context_frames_(context_frames), finished_(std::move(finished)) {
    std::erase_if(finished_, [length](const auto& entry) { return entry.second.frames_done != length; });
}

std::int64_t PushPlan::frames_done() const {
    int segments = 0;
    while (finished_.contains(segments)) ++segments;
    return segments * length_;
}

std::optional<SegmentWork> PushPlan::work_on(int segment) const {
    if (!finished_.contains(segment)) return SegmentWork::full;
    const bool is_context = context_frames_ > 0 && segment > 0 && !finished_.contains(segment - 1);
    return is_context ? std::optional(SegmentWork::head) : std::nullopt;
}

bool PushPlan::wants(std::int64_t frame) const {
    const std::optional<SegmentWork> work = work_on(segment_of(frame));
    if (!work) return false;
    return *work == SegmentWork::full || frame % length_ < context_frames_;
}

}  // namespace millrace::pipeline
