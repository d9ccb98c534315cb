#include "media/ffmpeg/sink_images.h"

#include <fmt/format.h>

#include <filesystem>
#include <regex>

#include "core/error.h"
#include "media/ffmpeg/sink_container.h"
#include "media/ffmpeg/sink_file.h"

namespace millrace::media::ffmpeg {

namespace {

using core::Error;
using core::ErrorCode;

/// "out/%06d.png" taken apart.
struct Pattern {
    std::string before;
    int digits = 1;
    std::string after;

    [[nodiscard]] std::string path(std::int64_t number) const {
        return fmt::format("{}{:0{}}{}", before, number, digits, after);
    }
};

Pattern parse_pattern(const std::string& path) {
    static const std::regex form("^([^%]*)%(?:0([1-9]))?d([^%]*)$");
    std::smatch found;
    if (!std::regex_match(path, found, form)) {
        throw Error(ErrorCode::usage,
                    fmt::format("{}: image files need one number in their name, such as frame-%06d.png", path));
    }
    return {.before = found[1], .digits = found[2].matched ? std::stoi(found[2]) : 1, .after = found[3]};
}

class ImageSink final : public Sink {
  public:
    explicit ImageSink(const SinkOptions& options)
        : options_(options), container_(find_container(options)), pattern_(parse_pattern(options.path)) {}

    std::vector<CopyNote> begin(const SinkVideo& video, const Source* source, const CopyOptions& copy) override {
        if (!holds_video(container_, video.stream.codec, options_)) {
            throw Error(ErrorCode::usage,
                        fmt::format("{}: such files do not hold {}; use -c:v {}", options_.path, video.stream.codec,
                                    pattern_.after.ends_with(".png") ? "png" : "mjpeg"));
        }
        // A folder that cannot be written to is better found now.
        const std::string first = pattern_.path(1);
        OutputFile(first, 0).close();
        std::filesystem::remove(first);
        return source == nullptr ? std::vector<CopyNote>{} : lost_of_images(*source, copy);
    }

    void write(const Packet& packet) override {
        OutputFile file(pattern_.path(++count_), 0);
        file.append(packet.data.data(), packet.data.size());
        file.close();
    }

    void start_writeback() override {}  // each file is on the disk when it is written
    void finish() override {}

  private:
    SinkOptions options_;
    const Container& container_;
    Pattern pattern_;
    std::int64_t count_ = 0;
};

}  // namespace

std::vector<CopyNote> lost_of_images(const Source& source, const CopyOptions& copy) {
    std::vector<CopyNote> lost;
    for (const StreamInfo& stream : source.info().streams) {
        const bool wanted =
            (stream.kind == MediaKind::audio && copy.audio) || (stream.kind == MediaKind::subtitle && copy.subtitles);
        if (!wanted) continue;
        const char* kind = stream.kind == MediaKind::audio ? "audio" : "subtitle";
        lost.push_back({.stream = stream.index,
                        .loss = true,
                        .text = fmt::format("stream {} ({}, {}): image files hold none, dropped", stream.index, kind,
                                            stream.codec)});
    }
    return lost;
}

std::unique_ptr<Sink> open_image_sink(const SinkOptions& options) { return std::make_unique<ImageSink>(options); }

}  // namespace millrace::media::ffmpeg
