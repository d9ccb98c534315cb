#pragma once
// FFmpeg's bwdif filter, one frame out for each one in.

#include <cstdint>
#include <deque>

#include "core/outcome.h"
#include "media/ffmpeg/handles.h"

namespace millrace::media::ffmpeg {

/// Frames marked interlaced are made progressive from themselves and both neighbours; others pass unchanged. Results
/// come one frame late, in order, with their own times and flags. Not thread-safe.
class Deinterlacer {
  public:
    explicit Deinterlacer(int threads) : threads_(threads) {}

    /// Takes the frame. Throws Error(failed). A change of size or layout ends the run of neighbours.
    void send(FrameHandle frame);
    /// No more frames.
    void finish();
    /// needs_input: send more. end: after finish(), nothing is left.
    core::Receive receive(FrameHandle& frame);
    /// Forget everything.
    void reset();

  private:
    struct Original {
        std::int64_t pts;
        std::int64_t best_effort;
        std::int64_t duration;
    };

    void build(const AVFrame& frame);
    void drain();
    core::Receive pull(FrameHandle& frame);
    [[nodiscard]] bool matches(const AVFrame& frame) const;

    int threads_;
    FilterGraphHandle graph_;
    AVFilterContext* input_ = nullptr;   // the graph's
    AVFilterContext* output_ = nullptr;  // the graph's
    int width_ = 0;
    int height_ = 0;
    int format_ = -1;
    bool finished_ = false;
    std::deque<Original> originals_;
    std::deque<FrameHandle> ready_;
};

}  // namespace millrace::media::ffmpeg
