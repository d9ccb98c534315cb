#include "media/frame_reader.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "media/frame_clock.h"

namespace millrace::media {

namespace {

class Reader final : public FrameReader {
  public:
    Reader(std::shared_ptr<Source> source, const DecoderOptions& options, const PacketIndex& index)
        : index_(index),
          source_(std::move(source)),
          decoder_(make_decoder(*source_, options)),
          clock_(source_->info().video_stream()),
          context_frames_(options.deinterlace == Deinterlace::off ? 0 : 2) {}

    void start(const FrameRange& range) override;
    bool next(device::Picture& picture) override;
    [[nodiscard]] const ReadStats& stats() const override { return stats_; }
    [[nodiscard]] const SourceInfo& info() const override { return source_->info(); }

  private:
    void go_to(std::size_t access_point);
    bool begin_earlier();
    bool find(const AccessPoint& point);
    bool read_video(Packet& packet);
    void feed();
    bool decode(device::Picture& picture);
    bool next_of_index(device::Picture& picture);
    bool next_in_sequence(device::Picture& picture);
    [[nodiscard]] std::int64_t duration_after(std::size_t frame, const device::Picture& picture) const;
    void skip_missing_before(std::int64_t pts);
    void count(const device::Picture& picture);

    const PacketIndex& index_;
    std::shared_ptr<Source> source_;
    std::unique_ptr<Decoder> decoder_;
    FrameClock clock_;
    std::size_t context_frames_;  // before a range, for filters that look at neighbours
    ReadStats stats_;
    FrameRange range_;
    Packet pending_;
    bool has_pending_ = false;
    std::size_t next_frame_ = 0;  // place in frame_pts
    std::size_t end_frame_ = 0;
    std::int64_t last_pts_ = core::no_pts;
    device::Picture held_;
    std::size_t began_at_ = 0;  // place in access_points
    bool began_earlier_ = false;
    bool ended_ = true;
    std::int64_t misplaced_ = 0;  // frames left out because no packet has their time
};

void Reader::start(const FrameRange& range) {
    assert(index_.segmentable() || (range.begin == FrameRange{}.begin && range.end == FrameRange{}.end));
    range_ = range;
    ended_ = false;
    has_pending_ = false;
    began_earlier_ = false;
    last_pts_ = core::no_pts;
    held_ = {};
    decoder_->reset();
    if (!index_.segmentable()) {
        source_->seek(nullptr);
        return;
    }
    next_frame_ = static_cast<std::size_t>(index_.frames_before(range.begin));
    end_frame_ = static_cast<std::size_t>(index_.frames_before(range.end));
    ended_ = next_frame_ >= end_frame_;
    if (ended_) return;
    const std::size_t first = next_frame_ - std::min(next_frame_, context_frames_);
    const AccessPoint& point = index_.access_point_for(index_.frame_pts[first]);
    began_at_ = static_cast<std::size_t>(&point - index_.access_points.data());
    go_to(began_at_);
}

// libavcodec 5.1 gives no P picture that follows an open GOP's key picture when the stream ends there and decoding
// began at that key picture. So a range with a gap is read once more from the point before: true when that was done.
bool Reader::begin_earlier() {
    if (began_earlier_ || began_at_ == 0) return false;
    began_earlier_ = true;
    has_pending_ = false;
    decoder_->reset();
    go_to(--began_at_);
    return true;
}

// A container's search may miss; then the points before it are tried, down to the beginning, which cannot miss.
void Reader::go_to(std::size_t access_point) {
    const AccessPoint& wanted = index_.access_points[access_point];
    for (std::size_t from = access_point; from > 0; --from) {
        source_->seek(&index_.access_points[from]);
        if (find(wanted)) return;
    }
    source_->seek(nullptr);
    if (access_point > 0) find(wanted);
}

// Throws packets away until `point`, which becomes the pending one. Presentation times are distinct, and no packet
// before an access point in decode order has a later one.
bool Reader::find(const AccessPoint& point) {
    Packet packet;
    while (read_video(packet)) {
        const bool same_place = packet.position < 0 || point.position < 0 || packet.position == point.position;
        if (packet.pts == point.pts && same_place) {
            pending_ = std::move(packet);
            has_pending_ = true;
            return true;
        }
        if (packet.pts != core::no_pts && packet.pts > point.pts) return false;
    }
    return false;
}

bool Reader::read_video(Packet& packet) {
    while (source_->read(packet) == ReadResult::packet) {
        if (packet.stream == source_->info().video) return true;
    }
    return false;
}

void Reader::feed() {
    if (!has_pending_ && !read_video(pending_)) {
        decoder_->finish();
        return;
    }
    has_pending_ = decoder_->send(pending_) == core::Feed::full;
    if (!has_pending_) ++stats_.packets;
}

bool Reader::decode(device::Picture& picture) {
    for (;;) {
        switch (decoder_->receive(picture)) {
            case core::Receive::ready:
                return true;
            case core::Receive::end:
                return false;
            case core::Receive::needs_input:
                feed();
                break;
        }
    }
}

bool Reader::next(device::Picture& picture) {
    if (ended_) return false;
    const bool found = index_.segmentable() ? next_of_index(picture) : next_in_sequence(picture);
    stats_.decode_errors = decoder_->errors() + misplaced_;
    ended_ = !found;
    if (found) count(picture);
    return found;
}

void Reader::count(const device::Picture& picture) {
    ++stats_.frames;
    if (picture.flags.corrupt) stats_.corrupt_pts.push_back(picture.pts);
}

void Reader::skip_missing_before(std::int64_t pts) {
    while (next_frame_ < end_frame_ && index_.frame_pts[next_frame_] < pts) {
        stats_.missing_pts.push_back(index_.frame_pts[next_frame_++]);
    }
}

bool Reader::next_of_index(device::Picture& picture) {
    while (next_frame_ < end_frame_ && decode(picture)) {
        if (picture.pts < range_.begin) continue;
        if (picture.pts >= range_.end) break;
        // Damage can bring a frame after its successor; it stays listed as missing.
        if (last_pts_ != core::no_pts && picture.pts <= last_pts_) continue;
        if (picture.pts > index_.frame_pts[next_frame_] && begin_earlier()) continue;
        skip_missing_before(picture.pts);
        // A time that no packet has comes of damage; the frame whose time it should be is listed as missing.
        if (next_frame_ >= end_frame_ || index_.frame_pts[next_frame_] != picture.pts) {
            ++misplaced_;
            continue;
        }
        picture.duration = duration_after(next_frame_, picture);
        ++next_frame_;
        last_pts_ = picture.pts;
        return true;
    }
    if (next_frame_ < end_frame_ && begin_earlier()) return next_of_index(picture);
    skip_missing_before(range_.end);
    return false;
}

std::int64_t Reader::duration_after(std::size_t frame, const device::Picture& picture) const {
    std::size_t following = frame;
    while (following < index_.frame_pts.size() && index_.frame_pts[following] <= picture.pts) ++following;
    if (following < index_.frame_pts.size()) return index_.frame_pts[following] - picture.pts;
    const std::int64_t own = index_.frame_durations.empty() ? 0 : index_.frame_durations.back();
    return own > 0 ? own : clock_.step(picture);
}

// One frame is held back: its duration is the distance to the next.
bool Reader::next_in_sequence(device::Picture& picture) {
    device::Picture following;
    if (!held_ && decode(held_)) stats_.retimed_frames += clock_.set_time(held_, nullptr) ? 1 : 0;
    if (!held_) return false;
    if (decode(following)) {
        stats_.retimed_frames += clock_.set_time(following, &held_) ? 1 : 0;
        held_.duration = following.pts - held_.pts;
    } else {
        held_.duration = clock_.step(held_);
    }
    picture = std::move(held_);
    held_ = std::move(following);
    return true;
}

}  // namespace

std::unique_ptr<FrameReader> open_frame_reader(const SourceOptions& source, const DecoderOptions& decoder,
                                               const PacketIndex& index, std::shared_ptr<Source> opened) {
    if (!opened) {
        SourceOptions options = source;
        if (!options.known) options.known = index.file;
        opened = open_source(options);
        opened->video_only();
    }
    return std::make_unique<Reader>(std::move(opened), decoder, index);
}

}  // namespace millrace::media
