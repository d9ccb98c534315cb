#pragma once
// What opening a file found out, for whoever opens it again: a lane, the index.

#include <string>
#include <vector>

#include "media/ffmpeg/handles.h"
#include "media/source.h"

namespace millrace::media {

/// Of one file, as it was. Immutable once made, so it is shared by threads.
class KnownFile {
  public:
    /// `context` after find_stream_info() with `described` streams; `options` without an older KnownFile.
    KnownFile(const AVFormatContext& context, SourceInfo info, SourceOptions options, std::vector<bool> described);

    [[nodiscard]] const SourceInfo& info() const { return info_; }
    /// Streams of which no picture need be decoded to open the file again.
    [[nodiscard]] const std::vector<bool>& described() const { return described_; }
    /// `context` after avformat_open_input(): gives its streams what is known of them, so that
    /// find_stream_info() need not read and decode for it. False, and nothing done, where the container has no header
    /// that tells of all streams, or that tells something else now, or `options` ask for something else.
    [[nodiscard]] bool apply(AVFormatContext& context, const SourceOptions& options) const;
    /// The demuxer that apply() wants, which need not be found out again; null where it never says yes.
    [[nodiscard]] const AVInputFormat* demuxer() const { return demuxer_; }

  private:
    struct Stream {
        ffmpeg::ParametersHandle parameters;
        AVRational average_rate;
        AVRational rate;
    };
    [[nodiscard]] bool describes(const AVFormatContext& context) const;

    SourceInfo info_;
    SourceOptions options_;
    std::vector<bool> described_;
    std::vector<Stream> streams_;
    const AVInputFormat* demuxer_ = nullptr;
};

}  // namespace millrace::media
