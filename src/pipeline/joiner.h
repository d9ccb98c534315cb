#pragma once
// The join while the run is still under way.

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "pipeline/join.h"
#include "pipeline/journal.h"
#include "pipeline/video_join.h"

namespace millrace::pipeline {

/// A run's ledger: what the journal keeps, and a thread that writes each segment into the output's temporary file as
/// soon as it and all before it are finished. Whatever goes wrong there is nobody's failure yet: the file is removed,
/// and finish() joins all segments, or says what join_segments() says of them.
///
/// Outputs without a temporary name (standard output, image patterns), lines of data, and copied streams that end where
/// only the last segment tells or that can be read only once (a pipe's) are joined by finish() alone.
class Joiner final : public SegmentLedger {
  public:
    /// `finished`: what earlier runs left and this one keeps.
    Joiner(const JoinHouse& house, const std::map<int, SegmentRecord>& finished);
    Joiner(const Joiner&) = delete;
    Joiner& operator=(const Joiner&) = delete;
    Joiner(Joiner&&) = delete;
    Joiner& operator=(Joiner&&) = delete;
    /// Without finish(): removes the unfinished file.
    ~Joiner() override;

    [[nodiscard]] const std::map<int, SegmentRecord>& finished() const override { return house_.journal.finished(); }
    [[nodiscard]] std::string segment_path(int segment) const override { return house_.journal.segment_path(segment); }
    void add(const SegmentRecord& record) override;

    /// `records` are all of the output. As join_segments(), but for what is done already. Once, by one thread, after
    /// the last add().
    [[nodiscard]] JoinResult finish(const std::map<int, SegmentRecord>& records);

  private:
    void work() noexcept;
    [[nodiscard]] std::vector<SegmentRecord> take();
    void end_thread();

    std::stop_source stop_;
    std::stop_callback<std::function<void()>> forward_;
    JoinHouse house_;
    std::optional<VideoJoin> join_;  ///< of the thread, until that has ended; none: finish() does it all

    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::vector<SegmentRecord> waiting_;
    bool all_added_ = false;
    std::jthread thread_;  ///< last: it uses all of the above
};

}  // namespace millrace::pipeline
