#pragma once
// A file of JSON lines made of what an analyser says of frames that a generator made.

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string_view>

#include "engine/made_file.h"
#include "engine/run_clock.h"
#include "engine/writer_job.h"
#include "pipeline/journal.h"
#include "pipeline/push_plan.h"
#include "pipeline/segment_file.h"

namespace millrace::engine {

/// Lines in, one a frame, in order; a file out when it is closed. Works in the calling thread.
class LineWriter final : public MadeFile {
  public:
    /// Begins, or goes on with what an earlier one of the same output left. Of `writer` the pictures mean nothing here.
    /// Throws Error(usage) for what contradicts itself, and what Journal throws.
    explicit LineWriter(const WriterJob& writer);

    /// The next line will be this frame's, at most frames_done().
    void start_at(std::int64_t frame);
    /// The report's time begins now, not at construction.
    void begin_clock() { clock_ = RunClock(); }
    /// Frames of a segment.
    [[nodiscard]] std::int64_t segment_frames() const { return plan_.length(); }
    /// Without its newline; passed over where it is on disk. Throws Error(no_space | failed), Error(interrupted).
    void write(std::string_view line);
    /// There are no more. The file is there on return. Throws as write().
    void close();

    [[nodiscard]] std::int64_t frames_done() const override { return plan_.frames_done(); }
    [[nodiscard]] std::int64_t next_frame() const override { return next_; }
    [[nodiscard]] pipeline::Clock::duration waited() const override { return {}; }
    [[nodiscard]] pipeline::Profile& profile() override { return profile_; }
    [[nodiscard]] const Report& report() override { return report_; }
    void abort() noexcept override { stop_.request_stop(); }
    [[nodiscard]] bool wait(double /*seconds*/) override { return true; }

  private:
    void finish_segment();
    void check_count() const;
    void join();

    pipeline::ResolvedJob job_;
    std::optional<pipeline::Journal> journal_;
    pipeline::PushPlan plan_;
    pipeline::Profile profile_;
    std::map<int, pipeline::SegmentRecord> records_;
    std::optional<pipeline::SegmentWriter> segment_;  ///< that is growing; number_ is its number
    int number_ = 0;
    std::int64_t in_segment_ = 0;  ///< lines
    std::int64_t first_ = 0;
    std::int64_t next_ = 0;
    std::int64_t written_ = 0;
    std::stop_source stop_;
    RunClock clock_;
    Report report_;
};

}  // namespace millrace::engine
