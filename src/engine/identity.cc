#include "engine/identity.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/sha256.h"
#include "engine/device_choice.h"
#include "engine/job_members.h"
#include "engine/machine.h"
#include "engine/model_settings.h"
#include "engine/output_checks.h"
#include "engine/version.h"
#include "media/library.h"

namespace millrace::engine {

namespace {

// Hash of the beginning and the end of a file: enough to tell files apart, whatever their size. The index, which is in
// the identity by its pts, covers the middle.
std::string fingerprint(const std::string& path, std::int64_t size) {
    constexpr std::int64_t part = std::int64_t{1} << 20;
    std::ifstream file(path, std::ios::binary);
    std::vector<char> bytes(static_cast<std::size_t>(part));
    core::Sha256 hash;
    const auto add = [&](std::int64_t from) {
        file.clear();
        file.seekg(from);
        file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        hash.add(std::string_view(bytes.data(), static_cast<std::size_t>(file.gcount())));
    };
    add(0);
    if (size > part) add(std::max(part, size - part));
    return hash.hex().substr(0, 16);
}

void add_input(pipeline::Identity& identity, const Job& job, const PreparedJob& prepared) {
    const media::SourceInfo& info = prepared.input.info;
    if (!prepared.input.is_pipe()) {
        identity["input"] = fmt::format("{} bytes {}", info.size_bytes, fingerprint(info.path, info.size_bytes));
    }
    identity["video stream"] = std::to_string(job.input.video_stream);
    identity["decoder"] = !prepared.decoded.empty() ? "NVDEC" : "libavcodec";
    identity["decoder threads"] = std::to_string(decoder_options(job, prepared.input).threads);
    if (!job.input.rate.empty()) {
        const core::Rational rate = prepared.input.video().average_frame_rate;
        identity["--input-rate"] = fmt::format("{}/{}", rate.num, rate.den);
    }
    identity["deinterlace"] = job.input.deinterlace == Deinterlacing::off ? "off" : "bwdif";
    constexpr const char* policies[] = {"conceal", "drop", "fail"};
    identity["on corrupt"] = policies[static_cast<int>(job.input.on_corrupt)];  // NOLINT(*-constant-array-index)
    const core::ColorDescription& color = prepared.input.video().picture.color;
    identity["colour"] =
        fmt::format("{} {} {}", core::name(color.matrix), core::name(color.range), core::name(color.siting));
}

void add_segments(pipeline::Identity& identity, const pipeline::ResolvedJob& job) {
    core::Sha256 hash;
    for (const pipeline::Segment& segment : job.input.segments) {
        hash.add(fmt::format("{} {} {};", segment.range.begin, segment.range.end, segment.frame_count));
    }
    identity["segments"] = fmt::format("{} ({})", job.input.segments.size(), hash.hex().substr(0, 8));
    identity["frames"] = job.input.frame_limit ? std::to_string(*job.input.frame_limit) : "all";
    // Two values of -ss may choose the same frames and give them other times.
    if (job.video) identity["times earlier by"] = fmt::format("{} ticks", job.video->pts_shift);
}

void add_model(pipeline::Identity& identity, const LoadedModel& loaded, const pipeline::ModelPlan& plan) {
    const infer::ModelDescription& model = loaded.model;
    identity[loaded.parameters ? pipeline::script_key : "model"] = model.sha256.substr(0, 16);
    identity["runtime"] = runtime_text(loaded);
    if (!loaded.engine.digest.empty()) identity["engine"] = loaded.engine.digest;
    // What a script computes with is known in its own processes only.
    if (!loaded.parameters && !loaded.sessions.empty()) {
        const infer::SessionReport session = loaded.sessions.front()->report();
        identity[choice_key] = infer::to_string(session.choice);
        if (!session.libraries.empty()) identity["GPU libraries"] = session.libraries;
    }
    identity["model threads"] = std::to_string(loaded.request.threads);
    identity[batch_key] = batch_text(model.batch, loaded.asked_batch);
    identity["model input"] =
        fmt::format("{}x{} of {}x{}", plan.input.width, plan.input.height, plan.frame.width, plan.frame.height);
    identity["model settings"] = settings_to_json(model).dump();
    if (loaded.parameters) identity["--set"] = *loaded.parameters;
    if (plan.rate != 1) identity["pictures of a frame"] = std::to_string(plan.rate);
}

// What became of it stands where the model runs as it does.
void add_asked(pipeline::Identity& identity, const ModelOptions& asked) {
    identity["--runtime"] = name_of(asked.runtime);
    identity["--precision"] = name_of(asked.precision);
}

}  // namespace

void add_encoder(pipeline::Identity& identity, const media::EncoderSettings& encoder) {
    const media::EncoderRequest& request = encoder.request;
    identity["encoder"] = media::encoder_version(request.codec);
    identity["-c:v"] = request.codec;
    identity["-crf"] = request.crf ? fmt::format("{}", *request.crf) : "default";
    identity["-preset"] = request.preset.empty() ? "default" : request.preset;
    identity["-b:v"] = request.bit_rate ? std::to_string(*request.bit_rate) : "none";
    identity["pictures"] =
        fmt::format("{} {}x{}", core::name(encoder.picture.format), encoder.picture.width, encoder.picture.height);
    identity["encoder threads"] = std::to_string(encoder.threads);
    std::string options;
    for (const auto& [key, value] : request.options) options += fmt::format("{}={} ", key, value);
    identity["-e"] = options;
    if (encoder.device.kind == device::DeviceKind::cuda) identity["GPU driver"] = gpu_driver_version();
}

std::string batch_text(int batch, int asked) {
    return batch == asked ? std::to_string(batch) : fmt::format("{} of {}", batch, asked);
}

std::optional<int> smaller_batch(std::string_view text, int asked) {
    for (int batch = asked / 2; batch > 0; batch /= 2) {
        if (text == batch_text(batch, asked)) return batch;
    }
    return std::nullopt;
}

pipeline::Identity identify(const Job& job, const PreparedJob& prepared) {
    pipeline::Identity identity;
    identity["millrace"] = version();
    identity["libraries"] = media::library_version();
    identity["device"] = kind_of(prepared.devices.front());
    add_input(identity, job, prepared);
    add_segments(identity, prepared.job);
    if (prepared.job.video) add_encoder(identity, prepared.job.video->encoder);
    if (prepared.model) add_model(identity, *prepared.model, *prepared.job.model);
    if (!prepared.tuned.empty()) identity[tuned_key] = prepared.tuned;
    // Kernels are chosen and compiled by driver and libraries; NVENC's own code comes with the driver.
    const bool model_on_gpu = prepared.model && prepared.devices.front().kind == device::DeviceKind::cuda;
    if (model_on_gpu) identity["GPU driver"] = gpu_driver_version();
    if (model_on_gpu && !prepared.model->parameters) add_asked(identity, job.model);
    return identity;
}

}  // namespace millrace::engine
