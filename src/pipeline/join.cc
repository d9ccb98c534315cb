#include "pipeline/join.h"

#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <optional>

#include "pipeline/durable_file.h"
#include "pipeline/video_join.h"

namespace millrace::pipeline {

namespace {

JoinResult join_lines(const JoinHouse& house, const std::map<int, SegmentRecord>& records) {
    const std::string& output = house.job.output;
    JoinResult result;
    const bool to_file = output != "-";
    std::optional<DurableFile> file;
    if (to_file) file.emplace(house.journal.output_path(output), OpenMode::truncate);
    for (const auto& [segment, record] : records) {
        const std::string path = house.journal.segment_path(segment);
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
        durable_rename(house.journal.output_path(output), output);
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

JoinResult join_segments(const JoinHouse& house, const std::map<int, SegmentRecord>& records) {
    const Worker counted(house.profile, Stage::join);
    const Timed busy(house.profile, Stage::join, Activity::busy);
    if (!house.job.video) return join_lines(house, records);
    VideoJoin join(house);
    for (const auto& [segment, record] : records) join.add(record);
    return join.finish();
}

}  // namespace millrace::pipeline
