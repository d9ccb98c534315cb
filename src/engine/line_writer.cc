#include "engine/line_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/clock.h"
#include "core/error.h"
#include "core/rational.h"
#include "engine/device_choice.h"
#include "engine/output_checks.h"
#include "engine/report_parts.h"
#include "engine/version.h"
#include "pipeline/join.h"
#include "pipeline/plan.h"

namespace millrace::engine {

namespace {

std::int64_t length_of(const WriterJob& writer) {
    const double asked = writer.job.run.segment_length;
    const double seconds = asked > 0 ? asked : pipeline::segment_seconds({});
    const double rate = static_cast<double>(writer.frame_rate.num) / static_cast<double>(writer.frame_rate.den);
    constexpr double most = 1e9;
    return std::max<std::int64_t>(1, std::llround(std::min(seconds * rate, most)));
}

pipeline::ResolvedJob resolve(const WriterJob& writer, std::int64_t segment_frames) {
    pipeline::ResolvedJob job;
    check_data_output(writer.job);
    resolve_output(writer.job, job);
    job.devices = choose_devices(writer.job.run.device);
    job.input.video.time_base = writer.time_base.value_or(core::Rational{1, writer.frame_rate.num});
    job.identity = writer.made_by;
    job.identity["millrace"] = version();
    job.identity["frames"] = fmt::format("{}x{}, lines of JSON", writer.frames.width, writer.frames.height);
    job.identity["frame rate"] = fmt::format("{}/{}, in {}/{} s", writer.frame_rate.num, writer.frame_rate.den,
                                             job.input.video.time_base.num, job.input.video.time_base.den);
    job.identity["segments"] = fmt::format("of {} frames", segment_frames);
    return job;
}

}  // namespace

LineWriter::LineWriter(const WriterJob& writer)
    : job_(resolve(writer, length_of(writer))),
      journal_(std::in_place, job_.work_folder, job_.identity, job_.old_journal),
      plan_(length_of(writer), 0, journal_->finished()),
      profile_(pipeline::Tracing::off),
      records_(plan_.finished()) {
    report_.device = device::to_string(job_.devices.front());
    report_.width_in = writer.frames.width;
    report_.height_in = writer.frames.height;
    profile_.worker_started(pipeline::Stage::encode);
}

void LineWriter::start_at(std::int64_t frame) { first_ = next_ = frame; }

void LineWriter::write(std::string_view line) {
    if (stop_.stop_requested()) throw core::Error(core::ErrorCode::interrupted, job_.output + ": interrupted");
    const std::int64_t frame = next_++;
    if (!plan_.wants(frame)) return;
    const pipeline::Timed busy(profile_, pipeline::Stage::encode, pipeline::Activity::busy);
    if (!segment_) {
        number_ = plan_.segment_of(frame);
        segment_.emplace(journal_->segment_path(number_));
    }
    segment_->add(line);
    profile_.count_frames(pipeline::Stage::encode);
    ++written_;
    if (++in_segment_ == plan_.length()) finish_segment();
}

void LineWriter::finish_segment() {
    pipeline::SegmentRecord record;
    record.segment = number_;
    record.frames_decoded = record.frames_done = std::exchange(in_segment_, 0);
    record.digest = segment_->finish();
    segment_.reset();
    journal_->add(record);
    records_.insert_or_assign(number_, record);
}

void LineWriter::close() {
    if (segment_) finish_segment();
    report_.run_seconds = clock_.seconds();
    add_cores(clock_.cpu_seconds(), report_);
    // An earlier run may have gone further.
    std::erase_if(records_, [this](const auto& entry) { return entry.first * plan_.length() >= next_; });
    check_count();
    join();
    report_.segments = {static_cast<int>(records_.size()), 0};
    for (const auto& [segment, record] : records_)
        report_.segments.reused += plan_.finished().contains(segment) ? 1 : 0;
    report_.frames.decoded = report_.frames.processed = next_ - first_;
    report_.frames.encoded = written_;
    journal_->remove();
    journal_.reset();
}

void LineWriter::check_count() const {
    std::int64_t lines = 0;
    for (const auto& [segment, record] : records_) lines += record.frames_done;
    if (lines == next_) return;
    throw core::Error(core::ErrorCode::usage,
                      fmt::format("{}: {} frames were made, but the segments in {} hold {}: an earlier run had more; "
                                  "begin again with --restart",
                                  job_.output, next_, job_.work_folder, lines));
}

void LineWriter::join() {
    const auto begin = std::chrono::steady_clock::now();
    const pipeline::Backends none;
    report_.frames.muxed =
        pipeline::join_segments({job_, none, *journal_, profile_, stop_.get_token()}, records_).frames;
    report_.join_seconds = core::seconds_since(begin);
}

}  // namespace millrace::engine
