#pragma once
// Which segments are worked on, and how much of each.

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "pipeline/segment_output.h"

namespace millrace::pipeline {

/// What an interrupted job still needs: unfinished segments whole; the head of a finished one whose predecessor's
/// encoder wants context; and for a sequential model every segment from
/// ResolvedJob::replay_from to the last unfinished one, for its state.
[[nodiscard]] std::vector<SegmentSeat> make_schedule(const ResolvedJob& job,
                                                     const std::map<int, SegmentRecord>& finished);

/// Hands out segments in order. While there are enough for all lanes, whoever asks gets the next; the last ones go to
/// the station that has the fewest frames to do, so that all end together. Thread-safe; must outlive all that it hands
/// out.
class Schedule {
  public:
    Schedule(std::vector<SegmentSeat> seats, std::size_t stations) : seats_(std::move(seats)), shares_(stations) {}

    /// One more lane of `station` will ask.
    void add_taker(std::size_t station);
    /// The next segment, for a lane of `station`. May block while another station has less to do. nullopt: none is
    /// left, or stopped.
    [[nodiscard]] std::optional<SegmentSeat> next(std::size_t station, const std::stop_token& stop);
    /// Segments that nobody has taken yet.
    [[nodiscard]] std::size_t left() const;

  private:
    struct StationShare {
        std::size_t takers = 0;
        std::int64_t to_do = 0;  ///< frames
    };

    [[nodiscard]] bool is_turn_of(std::size_t station) const;
    void count_done(std::size_t station, std::int64_t frames);

    mutable std::mutex mutex_;
    std::condition_variable_any changed_;
    std::vector<SegmentSeat> seats_;
    std::size_t next_ = 0;
    std::vector<StationShare> shares_;  ///< by station
};

}  // namespace millrace::pipeline
