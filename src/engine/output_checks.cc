#include "engine/output_checks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

#include "core/error.h"
#include "core/planes.h"
#include "media/library.h"
#include "pipeline/reframe.h"

namespace millrace::engine {

namespace fs = std::filesystem;

namespace {

// Frame threads of a decoder that has a file to itself, and of one among several lanes.
constexpr int lone_decoder_threads = 4;
constexpr int lane_decoder_threads = 1;

bool is_pattern(const std::string& path) { return path.find('%') != std::string::npos; }

fs::path folder_of(const std::string& path) {
    const fs::path folder = fs::path(path).parent_path();
    return folder.empty() ? fs::path(".") : folder;
}

}  // namespace

void check_output(const Job& job) {
    const std::string& path = job.output.path;
    if (path.empty()) throw core::Error(core::ErrorCode::usage, "no output given; name one with -o");
    if (path == "-") return;
    std::error_code error;
    if (job.input.path != "-" && fs::equivalent(path, job.input.path, error)) {
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("{}: output and input are the same file; choose another output", path));
    }
    if (fs::is_directory(path, error)) {
        throw core::Error(core::ErrorCode::usage, fmt::format("{}: is a folder; name a file in it", path));
    }
    if (job.run.overwrite == Overwrite::refuse && fs::exists(path, error)) {
        throw core::Error(core::ErrorCode::usage, fmt::format("{}: exists already; -y replaces it", path));
    }
    const fs::path folder = folder_of(path);
    if (!fs::is_directory(folder, error)) {
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("{}: there is no such folder for the output {}; make it, or name another",
                                      folder.string(), path));
    }
    if (::access(folder.c_str(), W_OK | X_OK) != 0) {
        throw core::Error(core::ErrorCode::failed,
                          fmt::format("{}: this folder for the output cannot be written to", folder.string()));
    }
}

void check_data_output(const Job& job) {
    constexpr std::array<std::string_view, 5> text{"", ".jsonl", ".ndjson", ".json", ".txt"};
    const std::string extension = fs::path(job.output.path).extension().string();
    if (job.output.path == "-" || std::ranges::find(text, extension) != text.end()) return;
    const std::string found = job.script.path.empty()
                                  ? fmt::format("the model {} gives data", job.model.path)
                                  : fmt::format("the script {} is an analyser, which gives data", job.script.path);
    throw core::Error(
        core::ErrorCode::usage,
        fmt::format("{}: {}, one line of JSON a frame; name a file that ends in .jsonl", job.output.path, found));
}

void check_video_output(const Job& job) {
    const std::string extension = fs::path(job.output.path).extension().string();
    if (extension != ".jsonl" && extension != ".ndjson") return;
    if (!job.script.path.empty()) {
        throw core::Error(
            core::ErrorCode::usage,
            fmt::format("{}: lines of JSON come from an analyser, and the script {} gives pictures; name a "
                        "video file, or mark the script with @analyser",
                        job.output.path, job.script.path));
    }
    const std::string found =
        job.model.path.empty() ? "no model is given (-m FILE)" : fmt::format("{} gives pictures", job.model.path);
    throw core::Error(core::ErrorCode::usage,
                      fmt::format("{}: lines of JSON come from a model that gives data, and {}; name a video file",
                                  job.output.path, found));
}

std::string work_folder(const Job& job) {
    if (!job.work_folder.empty()) return job.work_folder;
    if (job.output.path != "-") return job.output.path + ".millrace";
    return (fs::temp_directory_path() / fmt::format("millrace-{}", ::getpid())).string();
}

std::string file_for_standard_output(const Job& job) { return work_folder(job) + "-output"; }

void resolve_output(const Job& job, pipeline::ResolvedJob& resolved) {
    check_output(job);
    resolved.output = job.output.path;
    resolved.work_folder = work_folder(job);
    resolved.on_loss =
        job.run.strictness == Strictness::strict ? pipeline::LossPolicy::refuse : pipeline::LossPolicy::report;
    resolved.old_journal =
        job.run.journal == Continue::resume ? pipeline::OldJournal::resume : pipeline::OldJournal::discard;
}

std::string default_encoder(const OutputOptions& options) {
    const std::string extension = fs::path(options.path).extension().string();
    if (is_pattern(options.path)) return extension == ".jpg" || extension == ".jpeg" ? "mjpeg" : "png";
    if (extension == ".webm" || options.format == "webm") return "libvpx-vp9";
    if (extension == ".hevc" || extension == ".h265" || extension == ".265") return "libx265";
    return "libx264";
}

media::EncoderRequest encoder_request(const OutputOptions& options) {
    media::EncoderRequest request;
    request.codec = options.video_codec.empty() ? default_encoder(options) : options.video_codec;
    request.crf = options.crf;
    request.preset = options.preset;
    request.bit_rate = options.bit_rate;
    request.pixel_format = options.pixel_format;
    request.options = options.encoder_options;
    request.threads = options.encoder_threads;
    return request;
}

media::SinkOptions sink_options(const Job& job, const std::string& work_folder) {
    media::SinkOptions sink;
    sink.name = job.output.path;
    sink.format = job.output.format;
    sink.fragmented = job.output.fragmented ? media::Fragmented::yes : media::Fragmented::no;
    const bool direct = job.output.path == "-" || is_pattern(job.output.path);
    sink.path = direct ? job.output.path : work_folder + "/output." + fs::path(job.output.path).filename().string();
    return sink;
}

void check_codec_fits(const media::SinkOptions& sink, const media::EncoderSettings& encoder) {
    const std::string codec = media::codec_of(encoder.request.codec);
    const media::ContainerCheck check = media::check_container(sink, codec);
    if (check.holds_codec) return;
    throw core::Error(core::ErrorCode::usage, fmt::format("{}: {} cannot hold {}; use one of {}", sink.name,
                                                          check.format, codec, fmt::join(check.alternatives, ", ")));
}

void check_planes(const infer::ModelDescription& model, const media::EncoderSettings& encoder) {
    if (!model.planes) return;
    core::PictureDesc given = *model.planes;
    const core::PictureDesc& taken = encoder.picture;
    const bool same_size = given.width == taken.width && given.height == taken.height;
    const bool same_samples = core::same_samples(given.format, taken.format);
    const auto text = [](const core::PictureDesc& desc) {
        return fmt::format("{}x{} {}, {} range", desc.width, desc.height, core::name(core::planar(desc.format)),
                           core::name(desc.color.range));
    };
    const std::string found = text(given);
    given.format = taken.format;
    if (same_size && same_samples && pipeline::same_meaning(given, taken)) return;
    throw core::Error(core::ErrorCode::usage,
                      fmt::format("{} gives yuv planes, which are written as they are: {}, but {} would be given {}; "
                                  "choose another -c:v, leave out -pix_fmt, --pad and --crop, or declare rgb",
                                  model.path, found, encoder.request.codec, text(taken)));
}

media::DecoderOptions decoder_options(const Job& job, const OpenedInput& input) {
    media::DecoderOptions options;
    const bool lanes = input.index->segmentable() && input.index->access_points.size() > 1;
    int threads = lanes ? lane_decoder_threads : lone_decoder_threads;
    // With several threads libavcodec may forget to mark a damaged frame, which then would be dropped in one run and
    // kept in the next.
    if (job.input.on_corrupt != OnCorrupt::conceal) threads = 1;
    options.threads = job.input.decoder_threads.value_or(threads);
    options.deinterlace =
        job.input.deinterlace == Deinterlacing::off ? media::Deinterlace::off : media::Deinterlace::bwdif;
    return options;
}

void throw_no_frames(const Job& job, const OpenedInput& input) {
    const media::SourceInfo& info = input.info;
    if (input.index->frame_pts.empty()) {
        throw core::Error(core::ErrorCode::bad_input, fmt::format("{}: its video stream holds no frames", info.path));
    }
    const core::Rational time_base = input.video().time_base;
    const double length = core::to_seconds(input.index->frame_pts.back() - input.index->frame_pts.front(), time_base);
    throw core::Error(core::ErrorCode::usage,
                      fmt::format("{}: no frame lies within -ss and -t: the file has {} frames in {:.3f} s",
                                  job.input.path, input.index->frame_pts.size(), length));
}

}  // namespace millrace::engine
