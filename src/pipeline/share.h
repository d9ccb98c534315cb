#pragma once
// How much work each station has taken and not done yet.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>

namespace millrace::pipeline {

/// The frames of one segment that its station still has to do. What is left of them when nobody holds the share any
/// more (frames that were lost or dropped) counts as done. Not thread-safe: of the segment's output.
class Share {
  public:
    /// `done`: told of so many frames; thread-safe.
    Share(std::int64_t frames, std::function<void(std::int64_t)> done) : left_(frames), done_(std::move(done)) {}
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;
    Share(Share&&) = delete;
    Share& operator=(Share&&) = delete;
    ~Share() { done(left_); }

    void done(std::int64_t frames) {
        const std::int64_t counted = std::min(frames, left_);
        left_ -= counted;
        if (counted > 0) done_(counted);
    }

  private:
    std::int64_t left_;
    std::function<void(std::int64_t)> done_;
};

}  // namespace millrace::pipeline
