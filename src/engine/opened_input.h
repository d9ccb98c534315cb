#pragma once
// The input of a job, opened and indexed.

#include <memory>

#include "media/index.h"
#include "media/source.h"
#include "millrace/job.h"

namespace millrace::engine {

struct OpenedInput {
    media::SourceOptions options;
    std::shared_ptr<media::Source> source;  ///< at its beginning, for the first reader; for a pipe the only one
    media::SourceInfo info;
    std::shared_ptr<const media::PacketIndex> index;

    [[nodiscard]] const media::StreamInfo& video() const { return info.video_stream(); }
    [[nodiscard]] bool is_pipe() const { return options.path == "-"; }
};

/// The colour that was named; unspecified where it was not. Throws Error(usage) for an unknown name.
[[nodiscard]] core::ColorDescription named_color(const InputOptions& options);

/// What is to be said of where its rate is from; empty: nothing.
[[nodiscard]] std::string rate_note(const OpenedInput& input);

/// Throws Error(usage) for an unknown colour name or a rate that is none, and what open_source() and build_index()
/// throw.
[[nodiscard]] OpenedInput open_input(const InputOptions& options, const std::stop_token& stop);

}  // namespace millrace::engine
