#include "pipeline/schedule.h"

#include <algorithm>
#include <memory>

namespace millrace::pipeline {

namespace {

bool is_sequential(const ResolvedJob& job) { return job.model && job.model->model.order == infer::Order::sequential; }

// How much of segment `number` is needed; nullopt for nothing.
std::optional<SegmentWork> work_on(std::size_t number, const std::vector<bool>& done, bool wants_context,
                                   bool sequential) {
    if (!done[number]) return SegmentWork::full;
    const auto next = done.begin() + static_cast<std::ptrdiff_t>(number) + 1;
    const bool unfinished_follows = std::find(next, done.end(), false) != done.end();
    if (sequential && unfinished_follows) return SegmentWork::replay;
    if (wants_context && number > 0 && !done[number - 1]) return SegmentWork::head;
    return std::nullopt;
}

}  // namespace

std::vector<SegmentSeat> make_schedule(const ResolvedJob& job, const std::map<int, SegmentRecord>& finished) {
    const std::vector<Segment>& segments = job.input.segments;
    const int context_frames = job.video ? job.video->encoder.context_frames : 0;
    std::vector<bool> done(segments.size());
    for (std::size_t i = 0; i < segments.size(); ++i) done[i] = finished.contains(static_cast<int>(i));

    std::vector<SegmentSeat> seats;
    std::shared_ptr<ContextQueue> wanted;  // by the unfinished segment before, of this one
    for (std::size_t i = 0; i < segments.size(); ++i) {
        const auto work = work_on(i, done, context_frames > 0, is_sequential(job));
        std::shared_ptr<ContextQueue> context;
        const bool is_last = i + 1 == segments.size();
        if (!done[i] && context_frames > 0 && !is_last) context = std::make_shared<ContextQueue>();
        if (work) seats.push_back({segments[i], *work, context, wanted});
        wanted = context;
    }
    return seats;
}

}  // namespace millrace::pipeline
