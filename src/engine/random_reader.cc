#include "engine/random_reader.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "core/error.h"
#include "media/frame_clock.h"
#include "pipeline/damage.h"

namespace millrace::engine {

namespace {

// Decoding so many frames costs less than beginning anew at an access point that lies between.
constexpr std::int64_t few = 8;

}  // namespace

RandomReader::RandomReader(std::shared_ptr<ClipInput> input)
    : input_(std::move(input)), first_(input_->index().frames_before(input_->selection().begin)) {}

std::int64_t RandomReader::pts_of(std::int64_t number) const {
    return input_->index().frame_pts.at(static_cast<std::size_t>(first_ + number));
}

// When the frame at `last` of the index ends: when the next one begins, or after its own duration.
std::int64_t RandomReader::end_of_index(std::size_t last) const {
    const media::PacketIndex& index = input_->index();
    if (last + 1 < index.frame_pts.size()) return index.frame_pts[last + 1];
    const std::int64_t own = index.frame_durations.at(last);
    const std::int64_t step = own > 0 ? own : media::FrameClock(input_->plan().video).step({});
    return index.frame_pts[last] + step;
}

FrameTimes RandomReader::times(const std::stop_token& stop) {
    FrameTimes times;
    const media::FrameRange range = input_->selection();
    if (indexed()) {
        const std::vector<std::int64_t>& pts = input_->index().frame_pts;
        const std::int64_t end = range.end == media::FrameRange{}.end ? static_cast<std::int64_t>(pts.size())
                                                                      : input_->index().frames_before(range.end);
        times.pts.assign(pts.begin() + first_, pts.begin() + end);
        times.end = end_of_index(static_cast<std::size_t>(end - 1));
        return times;
    }
    const std::int64_t limit = input_->plan().frame_limit.value_or(std::numeric_limits<std::int64_t>::max());
    for (go_to(0); next_ < limit && advance(stop);) {
        times.pts.push_back(last_.pts);
        times.end = last_.pts + last_.duration;
    }
    if (times.pts.empty()) {
        throw core::Error(core::ErrorCode::bad_input,
                          fmt::format("{}: not one frame could be decoded", input_->info().path));
    }
    return times;
}

const device::Picture& RandomReader::at(std::int64_t number, const std::stop_token& stop) {
    if (last_ && last_number_ == number) return last_;
    if (!continues(number)) go_to(number);
    while (advance(stop) && last_number_ < number) continue;
    if (last_ && last_number_ == number) return last_;
    throw core::Error(core::ErrorCode::bad_input,
                      fmt::format("{}: frame {} is not there: the file is damaged, and the frame could not be decoded "
                                  "or is left out by --on-corrupt drop",
                                  input_->info().path, number));
}

bool RandomReader::continues(std::int64_t number) const {
    if (!going_ || number < next_) return false;
    if (!indexed() || number - next_ < few) return true;
    return input_->index().access_point_for(pts_of(number)).pts <= pts_of(next_);
}

void RandomReader::go_to(std::int64_t number) {
    going_ = false;
    last_ = {};
    last_number_ = -1;
    if (indexed()) {
        if (!reader_) reader_ = input_->open_reader({});
        media::FrameRange range;
        if (first_ + number > 0) range.begin = pts_of(number);
        reader_->start(range);
        next_ = number;
    } else {
        // Only the whole file, and only once a reader.
        reader_ = input_->open_reader({});
        reader_->start({});
        next_ = 0;
    }
    going_ = true;
}

// To the next frame of the clip. False: there is none.
bool RandomReader::advance(const std::stop_token& stop) {
    if (!std::exchange(going_, false)) return false;
    const media::FrameRange range = input_->selection();
    last_ = {};
    last_number_ = -1;
    device::Picture picture;
    while (reader_->next(picture)) {
        if (stop.stop_requested()) {
            throw core::Error(core::ErrorCode::interrupted, fmt::format("{}: interrupted", input_->info().path));
        }
        if (picture.pts >= range.end) return false;
        if (picture.pts < range.begin || !accepts(picture)) continue;
        last_number_ = indexed() ? input_->index().frames_before(picture.pts) - first_ : next_;
        next_ = last_number_ + 1;
        last_ = std::move(picture);
        going_ = true;
        return true;
    }
    return false;
}

bool RandomReader::accepts(const device::Picture& picture) const {
    if (!picture.flags.corrupt) return true;
    const pipeline::CorruptPolicy policy = input_->plan().on_corrupt;
    if (policy == pipeline::CorruptPolicy::fail) throw pipeline::damaged_frame(input_->info().path, picture.pts);
    return policy == pipeline::CorruptPolicy::conceal;
}

}  // namespace millrace::engine
