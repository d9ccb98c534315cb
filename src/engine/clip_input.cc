#include "engine/clip_input.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "device/picture.h"
#include "engine/device_choice.h"
#include "engine/output_checks.h"
#include "engine/selection.h"

namespace millrace::engine {

namespace {

// Long enough that the few frames decoded in vain at each cut are few, short enough that several fit in memory.
constexpr std::size_t segment_bytes = std::size_t{256} << 20U;
constexpr std::size_t least_frames = 32;
constexpr std::size_t most_frames = 128;

device::DeviceId one_device(const std::string& names) {
    const std::vector<device::DeviceId> devices = choose_devices(names);
    if (devices.size() == 1) return devices.front();
    throw core::Error(core::ErrorCode::usage,
                      fmt::format("--device {}: frames are read to one device; name one, and open the file once for "
                                  "each",
                                  names));
}

core::Error not_seekable(const std::string& name) {
    return {core::ErrorCode::usage,
            fmt::format("{}: is no file that can be read at any place; save it to one first", name)};
}

// Frames by number are read from any place, again and again.
OpenedInput open_file(const InputOptions& options, const std::stop_token& stop) {
    if (options.path == "-") throw not_seekable("standard input");
    OpenedInput input = open_input(options, stop);
    if (!input.info.seekable) throw not_seekable(input.info.path);
    return input;
}

// Seconds of a segment.
double segment_seconds(const OpenedInput& input) {
    const std::vector<std::int64_t>& pts = input.index->frame_pts;
    if (pts.size() < 2) return 1;
    const std::size_t fitting = segment_bytes / std::max<std::size_t>(1, device::picture_bytes(input.video().picture));
    const std::size_t frames = std::clamp(fitting, least_frames, most_frames);
    const double length = core::to_seconds(pts.back() - pts.front(), input.video().time_base);
    return static_cast<double>(frames) * length / static_cast<double>(pts.size() - 1);
}

}  // namespace

ClipInput::ClipInput(const Job& job, const std::stop_token& stop) : device_(one_device(job.run.device)) {
    gpu_memory_ = gpu_memory_for(job.run, {device_});
    input_ = open_file(job.input, stop);
    if (const std::string& damage = input_.index->damage; !damage.empty()) {
        fallbacks_.push_back(fmt::format("{}: {}", job.input.path, damage));
    }
    const media::StreamInfo& video = input_.video();
    if (!video.repack_note.empty()) fallbacks_.push_back(video.repack_note);
    if (std::string note = rate_note(input_); !note.empty()) notes_.push_back(std::move(note));
    if (video.interlaced && job.input.deinterlace == Deinterlacing::off) {
        notes_.emplace_back("the video is interlaced; --deinterlace makes it progressive");
    }
    choose_segments(job);
    choose_decoder(job);
    opened_ = std::move(input_.source);
    opened_->video_only();
}

void ClipInput::choose_segments(const Job& job) {
    const Selection selection = select_frames(input_, job.input);
    plan_.video = input_.video();
    plan_.index = input_.index;
    plan_.frame_limit = selection.frame_limit;
    plan_.on_corrupt = to_policy(job.input.on_corrupt);
    pipeline::PlanSettings settings;
    settings.time_base = plan_.video.time_base;
    settings.selection = selection.range;
    settings.segment_seconds = segment_seconds(input_);
    plan_.segments = pipeline::make_plan(*plan_.index, settings);
    if (plan_.segments.empty()) throw_no_frames(job, input_);
    if (!plan_.index->segmentable()) {
        notes_.push_back("frames are found by decoding all before them: " + plan_.index->one_segment_reason);
    }
}

// On the GPU as far as it can.
void ClipInput::choose_decoder(const Job& job) {
    decoder_ = decoder_options(job, input_);
    if (device::on_host(device_)) return;
    media::DecoderOptions there = decoder_;
    there.device = device_;
    if (const auto reason = media::why_not_on_gpu(*input_.source, there)) {
        fallbacks_.push_back("decoded on the CPU: " + *reason);
        return;
    }
    decoded_ = std::make_unique<device::BufferPool>(device_, "decoded pictures", gpu_memory_.decoded);
    decoder_ = there;
    decoder_.pictures = decoded_.get();
    decoder_.surfaces = std::make_shared<media::SurfaceBudget>(gpu_memory_.surfaces);
    plan_.decoded_format = media::format_on_gpu(plan_.video.picture.format);
}

std::unique_ptr<media::FrameReader> ClipInput::open_reader(const std::stop_token& stop) {
    std::shared_ptr<media::Source> opened;
    {
        const std::lock_guard lock(mutex_);
        opened = std::move(opened_);
    }
    media::DecoderOptions decoder = decoder_;
    decoder.stop = stop;
    return media::open_frame_reader(input_.options, decoder, *plan_.index, std::move(opened));
}

}  // namespace millrace::engine
