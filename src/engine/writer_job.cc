#include "engine/writer_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>

#include "core/error.h"
#include "device/picture.h"
#include "engine/device_choice.h"
#include "engine/identity.h"
#include "engine/limits.h"
#include "engine/machine.h"
#include "engine/opened_input.h"
#include "engine/output_checks.h"
#include "engine/version.h"
#include "media/library.h"

namespace millrace::engine {

namespace {

// What an encoder holds of the pictures themselves, beside its own copies of those that it looks ahead at.
constexpr int held_by_encoder = 16;
constexpr int begun_with = 16;

template <class Name>
std::uint8_t code_point(const char* option, const std::string& text, Name name) {
    constexpr std::uint8_t unspecified = 2;
    constexpr int most = 255;
    if (text.empty()) return unspecified;
    for (int code = 0; code <= most; ++code) {
        // A number without a name is its own.
        if (name(static_cast<std::uint8_t>(code)) == text || std::to_string(code) == text) {
            return static_cast<std::uint8_t>(code);
        }
    }
    refuse(fmt::format("{} {}: unknown; use a name such as bt709, or a number of H.273", option, text));
}

class Preparer {
  public:
    explicit Preparer(const WriterJob& writer) : writer_(writer), options_(writer.job) {}

    PreparedWriter run() {
        choose_device();
        check_paths();
        resolve_encoder();
        resolve_segments();
        resolve_limits();
        prepared_.job.identity = identify();
        return std::move(prepared_);
    }

  private:
    void choose_device() {
        prepared_.job.devices = choose_devices(options_.run.device);
        if (prepared_.job.devices.size() > 1) {
            refuse(fmt::format("--device {}: frames are made on one device; name that one", options_.run.device));
        }
    }

    void check_paths() {
        if (options_.output.path == "-") refuse("-: frames are written to a file; name one");
        if (!options_.script.path.empty()) check_video_output(options_);
        resolve_output(options_, prepared_.job);
    }

    [[nodiscard]] core::PictureDesc picture() const {
        core::PictureDesc picture;
        picture.width = writer_.frames.width;
        picture.height = writer_.frames.height;
        if (options_.output.odd_size == OddSize::pad) refuse("--pad: frames are not padded; hand over even ones");
        if (options_.output.odd_size == OddSize::crop) {
            picture.width -= picture.width % 2;
            picture.height -= picture.height % 2;
        }
        core::ColorDescription declared = named_color(options_.input);
        declared.primaries = code_point("color_primaries", writer_.primaries, core::primaries_name);
        declared.transfer = code_point("color_transfer", writer_.transfer, core::transfer_name);
        picture.color = core::resolve_color(declared, {.height = picture.height}).value;
        return picture;
    }

    void resolve_encoder() {
        const media::EncoderRequest request = encoder_request(options_.output);
        media::EncoderInput input;
        input.picture = picture();
        // Ticks that hold every frame exactly: 1/30000 for 30000/1001.
        input.time_base = writer_.time_base.value_or(core::Rational{1, writer_.frame_rate.num});
        input.frame_rate = writer_.frame_rate;
        input.timing = writer_.time_base ? media::FrameTiming::variable : media::FrameTiming::constant;
        input.device = prepared_.job.devices.front();
        pipeline::VideoPlan plan;
        plan.encoder = media::resolve_encoder(request, input);
        if (!plan.encoder.note.empty()) prepared_.fallbacks.push_back(plan.encoder.note);
        if (!plan.encoder.deterministic) {
            prepared_.notes.push_back(request.codec + " with these options gives other packets in every run");
        }
        if (options_.run.strictness == Strictness::strict && !prepared_.fallbacks.empty()) {
            throw core::Error(core::ErrorCode::refused, fmt::format("{}: refused by --strict: {}", options_.output.path,
                                                                    prepared_.fallbacks.front()));
        }
        plan.sink = sink_options(options_, prepared_.job.work_folder);
        check_codec_fits(plan.sink, plan.encoder);
        prepared_.job.input.video.time_base = input.time_base;
        prepared_.job.video = std::move(plan);
    }

    [[nodiscard]] const media::EncoderSettings& encoder() const { return prepared_.job.video->encoder; }

    void resolve_segments() {
        if (!encoder().segmentable) {
            prepared_.segment_frames = std::numeric_limits<std::int64_t>::max();
            return;
        }
        const double rate = static_cast<double>(writer_.frame_rate.num) / static_cast<double>(writer_.frame_rate.den);
        const pipeline::LengthRule rule{0, encoder().context_frames / rate, encoder().request.bit_rate.has_value()};
        const double asked = options_.run.segment_length;
        const double seconds = asked > 0 ? asked : pipeline::segment_seconds(rule);
        constexpr double most = 1e9;
        prepared_.segment_frames = std::max<std::int64_t>(1, std::llround(std::min(seconds * rate, most)));
    }

    // Half of the memory for what encoders keep, and so many of them; half for the pictures that wait for them.
    void resolve_limits() {
        pipeline::ResolvedJob& job = prepared_.job;
        job.input.video.picture = encoder().picture;
        const int cores = machine_cores();
        RunOptions options = options_.run;
        job.limits = make_limits(options, job, cores);
        options.memory = job.limits.memory / 2;
        job.limits.lanes = make_limits(options, job, cores).lanes;
        job.limits.encoders =
            job.limits.encoders > 0 ? std::min(job.limits.encoders, job.limits.lanes) : job.limits.lanes;
        if (!encoder().segmentable) job.limits.encoders = 1;
        job.limits.frames_waiting = std::numeric_limits<std::int64_t>::max();
        const std::int64_t least = std::int64_t{job.limits.encoders + 1} * (held_by_encoder + encoder().threads) +
                                   std::int64_t{2} * encoder().context_frames + begun_with;
        const std::size_t waiting = options.memory / device::picture_bytes(encoder().picture);
        // Those for NVENC wait in the GPU's own memory.
        const bool stay = pipeline::encodes_on_gpu(job);
        prepared_.pictures = stay ? least : std::max(least, static_cast<std::int64_t>(waiting));
    }

    [[nodiscard]] pipeline::Identity identify() const {
        const FrameSpec& frames = writer_.frames;
        const core::ColorDescription& color = encoder().picture.color;
        constexpr const char* channels[] = {"rgb", "bgr", "luma", "yuv"};
        pipeline::Identity identity = writer_.made_by;
        identity["millrace"] = version();
        identity["libraries"] = media::library_version();
        identity["frames"] =
            fmt::format("written, {}x{} {} {} {} 0..{}", frames.width, frames.height,
                        channels[static_cast<int>(frames.channels)],  // NOLINT(*-constant-array-index)
                        core::name(frames.dtype), frames.layout == ops::Layout::nchw ? "nchw" : "nhwc", frames.white);
        const core::Rational& ticks = encoder().input.time_base;
        identity["frame rate"] = fmt::format("{}/{}, {} in {}/{} s", writer_.frame_rate.num, writer_.frame_rate.den,
                                             writer_.time_base ? "times" : "no times", ticks.num, ticks.den);
        identity["segments"] = fmt::format("of {} frames", prepared_.segment_frames);
        identity["colour"] = fmt::format("{} {} {} {} {}", core::name(color.matrix), core::name(color.range),
                                         core::name(color.siting), color.primaries, color.transfer);
        add_encoder(identity, encoder());
        return identity;
    }

    const WriterJob& writer_;
    const Job& options_;
    PreparedWriter prepared_;
};

}  // namespace

void refuse(const std::string& message) { throw core::Error(core::ErrorCode::usage, message); }

core::TensorDesc FrameSpec::tensor() const {
    const std::int64_t planes = channels == ops::Channels::luma ? 1 : 3;
    if (layout == ops::Layout::nchw) return {dtype, {planes, height, width}};
    return {dtype, {height, width, planes}};
}

PreparedWriter prepare_writer(const WriterJob& writer) { return Preparer(writer).run(); }

}  // namespace millrace::engine
