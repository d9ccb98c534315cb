#pragma once
// How long pieces of work take on a GPU, without waiting for them.

#include <deque>
#include <vector>

#include "device/stream.h"
#include "device/timeline.h"
#include "pipeline/profile.h"

namespace millrace::pipeline {

/// Adds to a stage's GPU time what is enqueued on one stream, once it is over: looks when the next piece comes, so that
/// nobody waits. On the host it does nothing. Not thread-safe. `profile` must outlive it, the stream need not.
class GpuTimes {
  public:
    GpuTimes(device::StreamRef stream, Stage stage, Profile& profile);
    /// Waits for what is in work. Does not throw: a lost device has no times.
    ~GpuTimes();
    GpuTimes(const GpuTimes&) = delete;
    GpuTimes& operator=(const GpuTimes&) = delete;
    GpuTimes(GpuTimes&&) = delete;
    GpuTimes& operator=(GpuTimes&&) = delete;

    /// Around the enqueueing of work that reads one block and writes another (either may have no timeline): the stream
    /// waits for both before the time begins.
    void begin(const device::TimelinePtr& read, const device::TimelinePtr& written);
    void end();

  private:
    struct Piece {
        device::Event begin;
        device::Event end;
    };

    void count(const Piece& piece);
    void collect();

    device::StreamRef stream_;
    Stage stage_;
    Profile& profile_;
    std::deque<Piece> in_work_;
    std::vector<Piece> spare_;
};

}  // namespace millrace::pipeline
