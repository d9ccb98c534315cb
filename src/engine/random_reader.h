#pragma once
// Any frame of a clip.

#include <cstdint>
#include <memory>
#include <stop_token>
#include <vector>

#include "device/picture.h"
#include "engine/clip_input.h"

namespace millrace::engine {

/// Times of a clip's frames, in the stream's time base.
struct FrameTimes {
    std::vector<std::int64_t> pts;
    std::int64_t end = 0;  ///< of the last frame
};

/// Decodes from the nearest access point before a frame, or goes on from where it is, whichever is less. Not
/// thread-safe.
class RandomReader {
  public:
    explicit RandomReader(std::shared_ptr<ClipInput> input);

    /// By the index; where that cannot say, by decoding the whole file. Throws Error(interrupted) when stopped.
    [[nodiscard]] FrameTimes times(const std::stop_token& stop);
    /// Frame `number` of the clip, which has it; stays until the next call. Throws Error(bad_input) where it cannot be
    /// decoded or is dropped, Error(interrupted) when stopped.
    [[nodiscard]] const device::Picture& at(std::int64_t number, const std::stop_token& stop);

  private:
    [[nodiscard]] bool indexed() const { return input_->index().segmentable(); }
    [[nodiscard]] std::int64_t pts_of(std::int64_t number) const;
    [[nodiscard]] std::int64_t end_of_index(std::size_t last) const;
    [[nodiscard]] bool continues(std::int64_t number) const;
    void go_to(std::int64_t number);
    bool advance(const std::stop_token& stop);
    bool accepts(const device::Picture& picture) const;

    std::shared_ptr<ClipInput> input_;
    std::int64_t first_;  ///< number within the index of the clip's first frame
    std::unique_ptr<media::FrameReader> reader_;
    bool going_ = false;     ///< the reader gives frame `next_` or one behind it
    std::int64_t next_ = 0;  ///< of the clip, as the next two
    std::int64_t last_number_ = -1;
    device::Picture last_;
};

}  // namespace millrace::engine
