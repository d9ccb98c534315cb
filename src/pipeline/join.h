#pragma once
// Finished segments become the output.

#include <cstdint>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "media/sink.h"
#include "pipeline/job.h"
#include "pipeline/journal.h"
#include "pipeline/profile.h"

namespace millrace::pipeline {

/// What a join works with; outlives it.
struct JoinHouse {
    const ResolvedJob& job;
    const Backends& backends;
    Journal& journal;
    Profile& profile;
    std::stop_token stop;
};

struct JoinResult {
    std::int64_t frames = 0;  ///< packets or lines written
    std::vector<media::CopyNote> notes;
};

/// Put the segments together, packet by packet or line by line, into the file that the output's name will be given to
/// by rename when it is whole (standard output and image patterns are written directly). Throws Error(failed) when the
/// segments' parameter sets differ or frames are missing, Error(no_space), Error(interrupted); the segments stay.
[[nodiscard]] JoinResult join_segments(const JoinHouse& house, const std::map<int, SegmentRecord>& records);

/// All of a file. Throws Error(failed).
void write_to_standard_output(const std::string& path);

}  // namespace millrace::pipeline
