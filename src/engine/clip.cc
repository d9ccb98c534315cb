#include "engine/clip.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "core/error.h"
#include "device/picture.h"
#include "engine/limits.h"
#include "engine/machine.h"
#include "infer/script.h"
#include "infer/shapes.h"
#include "pipeline/model_io.h"

namespace millrace::engine {

namespace {

constexpr int gpu_lanes = 4;

// What reading is: an analyser that hands everything on.
infer::ModelDescription describe(const ClipRequest& request, const core::PictureDesc& video) {
    infer::ScriptDescription script;
    script.path = "millrace.read";
    script.kind = infer::ScriptKind::analyser;
    script.settings = request.frames;
    script.dtype = request.dtype;
    return infer::describe_script(script, {request.job.input.path, video}, request.batch);
}

infer::Size frame_of(const infer::ModelDescription& model, const media::StreamInfo& video) {
    return pipeline::frame_size(model, {video.picture.width, video.picture.height}, pipeline::Evenness::any);
}

}  // namespace

Clip::Clip(const ClipRequest& request, const std::stop_token& stop)
    : run_(request.job.run),
      input_(std::make_shared<ClipInput>(request.job, stop)),
      model_(describe(request, input_->plan().video.picture)),
      frame_(frame_of(model_, input_->plan().video)),
      random_(input_),
      converter_(model_, frame_, input_->device()) {
    run_.memory = memory_for(run_, machine_cores());  // once: to ask the machine takes as long as a small frame
    const std::size_t batch = infer::picture_input_desc(model_, frame_).byte_count();
    if (2 * batch <= memory()) return;
    throw core::Error(core::ErrorCode::usage,
                      fmt::format("--batch {}: two batches of {}x{} frames take {} MiB, and {} MiB may be used; give a "
                                  "smaller batch or size, or more {}",
                                  model_.batch, frame_.width, frame_.height, 2 * batch / mib, memory() / mib,
                                  device::on_host(input_->device()) ? "--memory" : "--gpu-memory"));
}

// Bytes of tensors on their device.
std::size_t Clip::memory() const {
    if (input_->device().kind == device::DeviceKind::cuda) return input_->gpu_memory().model;
    return run_.memory;
}

const FrameTimes& Clip::known_times(const std::stop_token& stop) {
    if (!times_) times_ = random_.times(stop);
    return *times_;
}

FrameTimes Clip::times(const std::stop_token& stop) {
    const std::lock_guard lock(mutex_);
    return known_times(stop);
}

device::Tensor Clip::lease(std::size_t count) {
    infer::ModelDescription model = model_;
    model.batch = std::max(1, static_cast<int>(count));
    core::TensorDesc desc = infer::picture_input_desc(model, frame_);
    if (desc.byte_count() > memory()) {
        throw core::Error(core::ErrorCode::out_of_memory,
                          fmt::format("{}: {} frames at once take {} MiB, and {} MiB may be used; take fewer, or give "
                                      "more --memory (on a GPU --gpu-memory)",
                                      input_->info().path, count, desc.byte_count() / mib, memory() / mib));
    }
    // The memory of as many frames is used again; of another number it would only be kept.
    if (!pool_ || pool_frames_ != count) {
        pool_.emplace(input_->device(), "frames by number", device::unbounded);
        pool_frames_ = count;
    }
    device::Tensor tensor = device::lease_tensor(*pool_, desc);
    tensor.desc.shape.front() = static_cast<std::int64_t>(count);
    return tensor;
}

pipeline::FrameBatch Clip::frames(std::span<const std::int64_t> numbers, const std::stop_token& stop) {
    const std::lock_guard lock(mutex_);
    const std::vector<std::int64_t>& pts = known_times(stop).pts;
    pipeline::FrameBatch batch;
    batch.tensor = lease(numbers.size());
    batch.numbers.assign(numbers.begin(), numbers.end());
    for (const std::int64_t number : numbers) batch.pts.push_back(pts.at(static_cast<std::size_t>(number)));
    std::vector<std::size_t> order(numbers.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, {}, [&](std::size_t slot) { return numbers[slot]; });
    for (const std::size_t slot : order) {
        const device::Picture& decoded = random_.at(numbers[slot], stop);
        const device::Picture picture = converter_.on_device(decoded.share(), {});
        converter_.run(picture, batch.tensor.at(static_cast<std::int64_t>(slot)));
    }
    return batch;
}

pipeline::FrameStreamPlan Clip::stream_plan() const {
    const int cores = machine_cores();
    pipeline::FrameStreamPlan plan;
    plan.input = input_->plan();
    plan.model = model_;
    plan.frame = frame_;
    plan.device = input_->device();
    // Half of the memory for batches, a quarter for decoders, the rest for pictures that wait.
    const std::size_t batch = infer::picture_input_desc(model_, frame_).byte_count();
    const auto wanted = static_cast<std::size_t>(std::max(4, 1 + 16 / model_.batch));
    plan.batches = std::clamp<std::size_t>(memory() / 2 / batch, 2, wanted);
    const Ahead ahead = input_->decodes_on_gpu() ? ahead_on_gpu() : ahead_on_host();
    const int most = run_.lanes > 0 ? run_.lanes : input_->decodes_on_gpu() ? gpu_lanes : cores;
    const auto segments = static_cast<int>(plan.input.segments.size());
    plan.lanes = std::clamp(static_cast<int>(std::min<std::size_t>(ahead.lanes, 1024)), 1, std::min(most, segments));
    plan.pictures = std::clamp<std::size_t>(ahead.pictures, 2, 4096);
    plan.converters = input_->device().kind == device::DeviceKind::cuda ? 1 : std::min(cores, 8);
    return plan;
}

Clip::Ahead Clip::ahead_on_host() const {
    const core::PictureDesc& picture = input_->plan().video.picture;
    const std::size_t bytes = run_.memory / 4;
    return {bytes / decoder_bytes(picture), bytes / device::picture_bytes(picture)};
}

// Pictures of segments behind must leave memory to those of the segment whose turn it is.
Clip::Ahead Clip::ahead_on_gpu() const {
    constexpr std::size_t a_lane = 32;
    const media::StreamInfo& video = input_->plan().video;
    Ahead ahead;
    ahead.pictures = input_->gpu_memory().decoded / device::picture_bytes(video.picture) / 2;
    ahead.lanes = ahead.pictures / a_lane;
    const std::size_t surfaces = media::surface_bytes_on_gpu(video);
    // Those of one lane are left for frames by number.
    if (surfaces > 0)
        ahead.lanes = std::min(ahead.lanes, std::max<std::size_t>(1, input_->gpu_memory().surfaces / surfaces) - 1);
    return ahead;
}

std::unique_ptr<pipeline::FrameStream> Clip::stream() const {
    return std::make_unique<pipeline::FrameStream>(
        stream_plan(), [input = input_](const std::stop_token& stop) { return input->open_reader(stop); });
}

}  // namespace millrace::engine
