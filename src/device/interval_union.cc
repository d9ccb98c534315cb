#include "device/interval_union.h"

#include <algorithm>
#include <iterator>

namespace millrace::device {

void IntervalUnion::add(std::uint64_t begin, std::uint64_t end) {
    begin = std::max(begin, horizon_);
    if (end <= begin) return;
    if (!kept_.empty() && begin >= kept_.back().begin && begin <= kept_.back().end) {
        kept_.back().end = std::max(kept_.back().end, end);
        return;
    }
    kept_.push_back({begin, end});
    if (kept_.size() < window_) return;
    tidy();
    if (kept_.size() >= window_ / 2) fold(kept_.size() / 2);
}

// Sorts and joins what touches.
void IntervalUnion::tidy() {
    std::ranges::sort(kept_, {}, &Interval::begin);
    std::vector<Interval> joined;
    joined.reserve(window_);
    for (const Interval& interval : kept_) {
        if (!joined.empty() && interval.begin <= joined.back().end) {
            joined.back().end = std::max(joined.back().end, interval.end);
        } else {
            joined.push_back(interval);
        }
    }
    kept_ = std::move(joined);
}

// The first `count` of tidy intervals become part of the sum.
void IntervalUnion::fold(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) folded_ += kept_[i].end - kept_[i].begin;
    if (count > 0) horizon_ = kept_[count - 1].end;
    kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(count));
}

std::uint64_t IntervalUnion::total() {
    tidy();
    std::uint64_t sum = folded_;
    for (const Interval& interval : kept_) sum += interval.end - interval.begin;
    return sum;
}

}  // namespace millrace::device
