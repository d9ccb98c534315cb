#include "pipeline/video_join.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <filesystem>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "media/join.h"
#include "pipeline/durable_file.h"
#include "pipeline/segment_file.h"

namespace millrace::pipeline {

VideoJoin::VideoJoin(const JoinHouse& house) : house_(house) {}

void VideoJoin::add(const SegmentRecord& record) {
    assert(!records_.contains(record.segment));
    check_parameter_sets(record);
    records_.emplace(record.segment, record);
    std::vector<std::int64_t> pts = read_pts(record.segment);
    const int reorder = media::largest_reorder(pts);
    pts_.emplace(record.segment, std::move(pts));
    if (reorder <= reorder_) return;
    reorder_ = reorder;
    if (sink_) begin_anew();
}

void VideoJoin::write_ready() {
    sort_times();
    // The first decoding times are made of the first distance.
    const std::size_t needed = reorder_ > 0 ? 2 : 1;
    if (sorted_.size() < needed) return;
    const std::int64_t first = written_;
    const std::vector<std::int64_t> dts = media::make_dts(sorted_, reorder_, static_cast<std::size_t>(first));
    if (!sink_) begin(dts.front());
    for (; written_segments_ < sorted_segments_; ++written_segments_) {
        check_stop();
        write_segment(written_segments_, dts, first);
        sink_->start_writeback();
    }
}

JoinResult VideoJoin::finish() {
    write_ready();
    check_all_written();
    sink_->finish();
    const std::string& path = house_.job.video->sink.path;
    if (path != house_.job.output) durable_rename(path, house_.job.output);
    return {written_, std::move(notes_)};
}

void VideoJoin::discard() noexcept {
    sink_.reset();
    std::error_code ignored;
    std::filesystem::remove(house_.job.video->sink.path, ignored);
}

void VideoJoin::check_stop() const {
    if (!house_.stop.stop_requested()) return;
    throw core::Error(
        core::ErrorCode::interrupted,
        fmt::format("{}: interrupted while joining; run the same command to continue", house_.job.output));
}

void VideoJoin::check_parameter_sets(const SegmentRecord& record) const {
    if (records_.empty()) return;
    const auto& [number, first] = *records_.begin();
    if (record.stream.value().extradata == first.stream.value().extradata) return;
    throw core::Error(core::ErrorCode::failed,
                      fmt::format("{}: {} gave segment {} other parameter sets than segment {}, so they cannot be "
                                  "joined; use --segment-length to encode the file whole",
                                  house_.job.output, house_.job.video->encoder.request.codec, record.segment, number));
}

void VideoJoin::check_all_written() const {
    std::int64_t encoded = 0;
    for (const auto& [segment, record] : records_) encoded += record.frames_done * picture_rate(house_.job);
    if (written_ == encoded) return;
    throw core::Error(core::ErrorCode::failed,
                      fmt::format("{}: {} frames were encoded, but {} are in the segments' files", house_.job.output,
                                  encoded, written_));
}

void VideoJoin::refuse_losses(const std::vector<media::CopyNote>& notes) const {
    if (house_.job.on_loss == LossPolicy::report) return;
    const auto loss = std::find_if(notes.begin(), notes.end(), [](const auto& note) { return note.loss; });
    if (loss == notes.end()) return;
    throw core::Error(core::ErrorCode::refused,
                      fmt::format("{}: refused by --strict: {}", house_.job.output, loss->text));
}

std::vector<std::int64_t> VideoJoin::read_pts(int segment) const {
    std::vector<std::int64_t> all;
    SegmentPackets packets(house_.journal.segment_path(segment));
    while (const auto pts = packets.next_pts()) all.push_back(*pts);
    return all;
}

// Segments follow one another in presentation order, too, so what is sorted stays in its place.
void VideoJoin::sort_times() {
    for (auto next = pts_.find(sorted_segments_); next != pts_.end(); next = pts_.find(++sorted_segments_)) {
        std::vector<std::int64_t>& pts = next->second;
        if (sorted_.empty() && !pts.empty()) first_pts_ = pts.front();
        std::ranges::sort(pts);
        assert(sorted_.empty() || pts.empty() || sorted_.back() < pts.front());
        sorted_.insert(sorted_.end(), pts.begin(), pts.end());
        pts_.erase(next);
    }
}

void VideoJoin::begin(std::int64_t first_dts) {
    sink_ = media::open_sink(house_.job.video->sink);
    const std::shared_ptr<media::Source> source = house_.backends.open_copy_source();
    media::CopyOptions copy = house_.job.video->copy;
    if (house_.job.input.frame_limit) copy.end_us = end_of_video();
    media::SinkVideo video = describe();
    video.reorder = reorder_;
    video.first_pts = first_pts_;
    video.first_dts = first_dts;
    notes_ = sink_->begin(video, source.get(), copy);
    refuse_losses(notes_);
}

void VideoJoin::write_segment(int segment, const std::vector<std::int64_t>& dts, std::int64_t first) {
    SegmentPackets packets(house_.journal.segment_path(segment));
    while (std::optional<media::Packet> packet = packets.next()) {
        packet->dts = dts.at(static_cast<std::size_t>(written_ - first));
        sink_->write(*packet);
        ++written_;
        house_.profile.count_frames(Stage::join);
    }
}

void VideoJoin::begin_anew() {
    sink_.reset();
    house_.profile.count_frames(Stage::join, -std::exchange(written_, 0));
    written_segments_ = 0;
}

// Where the index did not know how long the frames asked for would last, copied streams end with the last of them.
std::int64_t VideoJoin::end_of_video() const {
    const auto gaps = std::max<std::int64_t>(1, std::ssize(sorted_) - 1);
    const std::int64_t last = sorted_.back();
    const std::int64_t end = last + (last - sorted_.front()) / gaps + house_.job.video->pts_shift;
    return core::rescale(end, house_.job.video->encoder.input.time_base, {1, 1'000'000});
}

media::SinkVideo VideoJoin::describe() const {
    const media::EncoderInput& input = house_.job.video->encoder.input;
    media::SinkVideo video;
    video.picture = house_.job.video->encoder.picture;
    video.time_base = input.time_base;
    if (input.timing == media::FrameTiming::constant) video.frame_rate = input.frame_rate;
    video.sample_aspect_ratio = input.sample_aspect_ratio;
    video.stream = records_.begin()->second.stream.value();
    video.hdr = input.hdr;
    return video;
}

}  // namespace millrace::pipeline
