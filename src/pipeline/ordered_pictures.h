#pragma once
// Decoded pictures of segments that several lanes read at once, handed on in the order of the segments.

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

#include "core/outcome.h"
#include "device/picture.h"

namespace millrace::pipeline {

struct DecodedFrame {
    device::Picture picture;
    std::int64_t number = 0;  ///< among the frames that are read, from 0
};

/// At most `capacity` pictures wait, and two more of the segment that is handed on now, so that segments behind it
/// never keep it from going on. Thread-safe.
class OrderedPictures {
  public:
    OrderedPictures(std::size_t segments, std::size_t capacity) : segments_(segments), capacity_(capacity) {}

    /// The segment that a lane reads next; nullopt: none is left.
    [[nodiscard]] std::optional<std::size_t> next_segment();
    /// Blocks while there is no room. cancelled: not taken.
    core::Push push(std::size_t segment, DecodedFrame frame, const std::stop_token& stop);
    /// The segment has no more pictures; because of `failure`, where that is one.
    void end(std::size_t segment, std::exception_ptr failure = nullptr);

    /// The next picture of all. ended: there are no more. Throws a segment's failure behind its pictures.
    core::Pop pop(DecodedFrame& frame, const std::stop_token& stop);

  private:
    struct Segment {
        std::deque<DecodedFrame> frames;
        bool ended = false;
        std::exception_ptr failure;
    };

    [[nodiscard]] bool has_room(std::size_t segment) const;
    bool advance();

    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::vector<Segment> segments_;
    std::size_t capacity_;
    std::size_t waiting_ = 0;  ///< pictures in all segments
    std::size_t given_ = 0;    ///< segments that lanes have taken
    std::size_t head_ = 0;     ///< the segment whose pictures are handed on
};

}  // namespace millrace::pipeline
