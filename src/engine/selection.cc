#include "engine/selection.h"

#include <algorithm>

#include "core/rational.h"

namespace millrace::engine {

namespace {

constexpr core::Rational microseconds{1, 1'000'000};

std::int64_t first_pts(const OpenedInput& input) {
    if (!input.index->frame_pts.empty()) return input.index->frame_pts.front();
    return input.video().start_pts == core::no_pts ? 0 : input.video().start_pts;
}

}  // namespace

Selection select_frames(const OpenedInput& input, const InputOptions& options) {
    const core::Rational time_base = input.video().time_base;
    const std::int64_t origin = first_pts(input);
    const auto to_ticks = [&](std::int64_t us) {
        return core::rescale(us, microseconds, time_base, core::Rounding::up);
    };
    Selection selection;
    if (options.start_us) {
        selection.range.begin = origin + to_ticks(*options.start_us);
        selection.shift = core::rescale(*options.start_us, microseconds, time_base);
        selection.shift_us = core::rescale(selection.shift, time_base, microseconds);
    }
    if (options.duration_us) {
        selection.range.end = origin + to_ticks(options.start_us.value_or(0) + *options.duration_us);
    }
    if (options.frames && !input.index->segmentable()) selection.frame_limit = options.frames;
    if (options.frames && input.index->segmentable()) {
        const auto total = static_cast<std::int64_t>(input.index->frame_pts.size());
        const std::int64_t first = input.index->frames_before(selection.range.begin);
        if (*options.frames < total - first) {
            const auto end = static_cast<std::size_t>(first + *options.frames);
            selection.range.end = std::min(selection.range.end, input.index->frame_pts[end]);
        }
    }
    if (options.start_us) selection.begin_us = core::rescale(selection.range.begin, time_base, microseconds);
    if (selection.range.end != media::FrameRange{}.end) {
        selection.end_us = core::rescale(selection.range.end, time_base, microseconds);
    }
    return selection;
}

pipeline::CorruptPolicy to_policy(OnCorrupt policy) {
    switch (policy) {
        case OnCorrupt::conceal:
            return pipeline::CorruptPolicy::conceal;
        case OnCorrupt::drop:
            return pipeline::CorruptPolicy::drop;
        case OnCorrupt::fail:
            return pipeline::CorruptPolicy::fail;
    }
    return pipeline::CorruptPolicy::conceal;
}

}  // namespace millrace::engine
