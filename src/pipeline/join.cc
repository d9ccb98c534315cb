#include "pipeline/join.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>

#include "core/error.h"
#include "media/join.h"
#include "pipeline/durable_file.h"

namespace millrace::pipeline {

namespace {

void check_stop(const ResolvedJob& job, const std::stop_token& stop) {
    if (!stop.stop_requested()) return;
    throw core::Error(core::ErrorCode::interrupted,
                      fmt::format("{}: interrupted while joining; run the same command to continue", job.output));
}

void check_streams_equal(const ResolvedJob& job, const std::map<int, SegmentRecord>& records) {
    const media::EncodedStream& first = records.begin()->second.stream.value();
    for (const auto& [segment, record] : records) {
        if (record.stream.value().extradata != first.extradata) {
            throw core::Error(
                core::ErrorCode::failed,
                fmt::format("{}: {} gave segment {} other parameter sets than segment 0, so they cannot be "
                            "joined; use --segment-length to encode the file whole",
                            job.output, job.video->encoder.request.codec, segment));
        }
    }
}

class VideoJoin {
  public:
    VideoJoin(const ResolvedJob& job, const Backends& backends, const Journal& journal, Profile& profile)
        : job_(job), backends_(backends), journal_(journal), profile_(profile) {}

    JoinResult run(const std::map<int, SegmentRecord>& records, const std::stop_token& stop) {
        check_streams_equal(job_, records);
        const std::vector<std::int64_t> pts = read_pts(records);
        const std::vector<std::int64_t> dts = media::make_dts(pts);
        const std::unique_ptr<media::Sink> sink = media::open_sink(job_.video->sink);
        const std::shared_ptr<media::Source> source = backends_.open_copy_source();
        JoinResult result;
        media::CopyOptions copy = job_.video->copy;
        if (job_.input.frame_limit) copy.end_us = end_of_video(pts);
        media::SinkVideo video = describe(records.begin()->second.stream.value());
        video.reorder = media::largest_reorder(pts);
        video.first_pts = pts.front();
        video.first_dts = dts.front();
        result.notes = sink->begin(video, source.get(), copy);
        refuse_losses(result.notes);
        for (const auto& [segment, record] : records) {
            check_stop(job_, stop);
            write_segment(*sink, segment, dts, result.frames);
        }
        check_all_written(records, result.frames);
        sink->finish();
        return result;
    }

  private:
    [[nodiscard]] std::vector<std::int64_t> read_pts(const std::map<int, SegmentRecord>& records) const {
        std::vector<std::int64_t> all;
        for (const auto& [segment, record] : records) {
            SegmentPackets packets(journal_.segment_path(segment));
            while (const auto pts = packets.next_pts()) all.push_back(*pts);
        }
        return all;
    }

    void check_all_written(const std::map<int, SegmentRecord>& records, std::int64_t written) const {
        std::int64_t encoded = 0;
        for (const auto& [segment, record] : records) encoded += record.frames_done * picture_rate(job_);
        if (written == encoded) return;
        throw core::Error(core::ErrorCode::failed,
                          fmt::format("{}: {} frames were encoded, but {} are in the segments' files", job_.output,
                                      encoded, written));
    }

    void refuse_losses(const std::vector<media::CopyNote>& notes) const {
        if (job_.on_loss == LossPolicy::report) return;
        const auto loss = std::find_if(notes.begin(), notes.end(), [](const auto& note) { return note.loss; });
        if (loss == notes.end()) return;
        throw core::Error(core::ErrorCode::refused,
                          fmt::format("{}: refused by --strict: {}", job_.output, loss->text));
    }

    // Where the index did not know how long the frames asked for would last, copied streams end with the last of them.
    [[nodiscard]] std::int64_t end_of_video(const std::vector<std::int64_t>& pts) const {
        const auto [first, last] = std::minmax_element(pts.begin(), pts.end());
        const auto gaps = std::max<std::int64_t>(1, std::ssize(pts) - 1);
        const std::int64_t end = *last + (*last - *first) / gaps + job_.video->pts_shift;
        return core::rescale(end, job_.video->encoder.input.time_base, {1, 1'000'000});
    }

    [[nodiscard]] media::SinkVideo describe(const media::EncodedStream& stream) const {
        const media::EncoderInput& input = job_.video->encoder.input;
        media::SinkVideo video;
        video.picture = job_.video->encoder.picture;
        video.time_base = input.time_base;
        if (input.timing == media::FrameTiming::constant) video.frame_rate = input.frame_rate;
        video.sample_aspect_ratio = input.sample_aspect_ratio;
        video.stream = stream;
        video.hdr = input.hdr;
        return video;
    }

    void write_segment(media::Sink& sink, int segment, const std::vector<std::int64_t>& dts, std::int64_t& written) {
        SegmentPackets packets(journal_.segment_path(segment));
        while (std::optional<media::Packet> packet = packets.next()) {
            packet->dts = dts.at(static_cast<std::size_t>(written));
            sink.write(*packet);
            ++written;
            profile_.count_frames(Stage::join);
        }
    }

    const ResolvedJob& job_;
    const Backends& backends_;
    const Journal& journal_;
    Profile& profile_;
};

JoinResult join_lines(const ResolvedJob& job, const Journal& journal, const std::map<int, SegmentRecord>& records) {
    JoinResult result;
    const bool to_file = job.output != "-";
    std::optional<DurableFile> file;
    if (to_file) file.emplace(journal.output_path(job.output), OpenMode::truncate);
    for (const auto& [segment, record] : records) {
        const std::string path = journal.segment_path(segment);
        result.frames += record.digest.records;
        if (!to_file) {
            write_to_standard_output(path);
            continue;
        }
        std::ifstream lines(path, std::ios::binary);
        for (std::string line; std::getline(lines, line);) file->write(line + "\n");
    }
    if (to_file) {
        file->sync();
        durable_rename(journal.output_path(job.output), job.output);
    }
    return result;
}

}  // namespace

void write_to_standard_output(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::vector<char> buffer(std::size_t{1} << 16U);
    while (file.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || file.gcount() > 0) {
        std::size_t done = 0;
        const auto size = static_cast<std::size_t>(file.gcount());
        while (done < size) {
            const ssize_t written = ::write(STDOUT_FILENO, buffer.data() + done, size - done);
            if (written < 0 && errno != EINTR) throw_file_error("standard output", "write", errno);
            if (written > 0) done += static_cast<std::size_t>(written);
        }
    }
}

JoinResult join_segments(const ResolvedJob& job, const Backends& backends, const Journal& journal,
                         const std::map<int, SegmentRecord>& records, Profile& profile, const std::stop_token& stop) {
    const Worker counted(profile, Stage::join);
    const Timed busy(profile, Stage::join, Activity::busy);
    if (!job.video) return join_lines(job, journal, records);
    JoinResult result = VideoJoin(job, backends, journal, profile).run(records, stop);
    if (job.video->sink.path != job.output) durable_rename(job.video->sink.path, job.output);
    return result;
}

}  // namespace millrace::pipeline
