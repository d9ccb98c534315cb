#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "engine/device_choice.h"
#include "engine/opened_input.h"
#include "engine/output_checks.h"
#include "engine/resolve.h"
#include "engine/selection.h"
#include "millrace/engine.h"
#include "pipeline/plan.h"

namespace millrace {

namespace {

using nlohmann::json;

const char* name(media::MediaKind kind) {
    switch (kind) {
        case media::MediaKind::video:
            return "video";
        case media::MediaKind::audio:
            return "audio";
        case media::MediaKind::subtitle:
            return "subtitle";
        case media::MediaKind::data:
            return "data";
        case media::MediaKind::attachment:
            return "attachment";
    }
    return "data";
}

json with_origin(const std::string& value, core::ColorOrigin origin) {
    return {{"value", value}, {"origin", core::name(origin)}};
}

json to_json(const core::ResolvedColor& color) {
    return {{"matrix", with_origin(core::name(color.value.matrix), color.matrix_from)},
            {"range", with_origin(core::name(color.value.range), color.range_from)},
            {"primaries", with_origin(core::primaries_name(color.value.primaries), color.primaries_from)},
            {"transfer", with_origin(core::transfer_name(color.value.transfer), color.transfer_from)},
            {"chroma_location", with_origin(core::name(color.value.siting), color.siting_from)}};
}

json rational(core::Rational value) { return fmt::format("{}/{}", value.num, value.den); }

json time(std::int64_t ticks, core::Rational time_base) {
    if (ticks == core::no_pts) return nullptr;
    return core::to_seconds(ticks, time_base);
}

void add_video(json& body, const media::StreamInfo& stream) {
    body["width"] = stream.picture.width;
    body["height"] = stream.picture.height;
    body["pixel_format"] = stream.pixel_format;
    body["delivered_as"] = core::name(stream.picture.format);
    if (!stream.repack_note.empty()) body["repack_note"] = stream.repack_note;
    body["average_frame_rate"] = rational(stream.average_frame_rate);
    constexpr const char* origins[] = {"container", "headers", "assumed", "user"};
    body["frame_rate_from"] = origins[static_cast<int>(stream.rate_from)];  // NOLINT(*-constant-array-index)
    body["sample_aspect_ratio"] = rational(stream.sample_aspect_ratio);
    body["rotation"] = stream.rotation;
    body["interlaced"] = stream.interlaced;
    body["attached_picture"] = stream.attached_picture;
    body["color"] = to_json(stream.color);
    if (const auto& light = stream.hdr.light) {
        body["content_light"] = {{"max_content", light->max_content}, {"max_frame_average", light->max_frame_average}};
    }
    body["mastering_display"] = stream.hdr.mastering.has_value();
}

json to_json(const media::StreamInfo& stream) {
    json body{{"index", stream.index},
              {"kind", name(stream.kind)},
              {"codec", stream.codec},
              {"profile", stream.profile},
              {"time_base", rational(stream.time_base)},
              {"start_seconds", time(stream.start_pts, stream.time_base)},
              {"duration_seconds", time(stream.duration, stream.time_base)},
              {"bit_rate", stream.bit_rate},
              {"metadata", stream.metadata},
              {"dispositions", stream.dispositions}};
    if (stream.kind == media::MediaKind::video) add_video(body, stream);
    if (stream.kind == media::MediaKind::audio) {
        body["sample_rate"] = stream.sample_rate;
        body["channels"] = stream.channels;
    }
    return body;
}

std::vector<pipeline::Segment> plan_without_output(const engine::OpenedInput& input, const Job& job) {
    pipeline::PlanSettings settings;
    settings.time_base = input.video().time_base;
    settings.selection = engine::select_frames(input, job.input).range;
    settings.rate_controlled = job.output.bit_rate.has_value();
    if (job.run.segment_length > 0) settings.segment_seconds = job.run.segment_length;
    return pipeline::make_plan(*input.index, settings);
}

json segments_to_json(const engine::OpenedInput& input, const std::vector<pipeline::Segment>& segments) {
    const core::Rational time_base = input.video().time_base;
    json list = json::array();
    for (const pipeline::Segment& segment : segments) {
        const bool first = segment.range.begin == media::FrameRange{}.begin;
        const std::int64_t begin =
            first && !input.index->frame_pts.empty() ? input.index->frame_pts.front() : segment.range.begin;
        list.push_back({{"number", segment.number},
                        {"start_pts", begin},
                        {"start_seconds", core::to_seconds(begin, time_base)},
                        {"frames", segment.frame_count}});
    }
    return list;
}

std::string place_of(const engine::PreparedJob& prepared) {
    return pipeline::on_gpu(prepared.job) ? engine::device_names(prepared.job.devices) : "the CPU";
}

std::string decode_plan(const Job& job, const engine::PreparedJob& prepared) {
    const std::string& codec = prepared.input.video().codec;
    if (!prepared.decoded.empty()) return fmt::format("NVDEC {} on {}", codec, place_of(prepared));
    const int threads = engine::decoder_options(job, prepared.input).threads;
    return fmt::format("libavcodec {} on the CPU, {} thread{} a lane", codec, threads, threads == 1 ? "" : "s");
}

json model_plan(const engine::PreparedJob& prepared) {
    if (!prepared.job.model) return nullptr;
    const pipeline::ModelPlan& plan = *prepared.job.model;
    std::string text = fmt::format("{} in {} on {}, frames of {}x{}, batch {}, {} at once", plan.model.path,
                                   engine::runtime_text(*prepared.model), place_of(prepared), plan.frame.width,
                                   plan.frame.height, plan.model.batch, plan.workers);
    if (pipeline::on_gpu(prepared.job)) {
        text += fmt::format(", as {}", infer::to_string(prepared.model->sessions.front()->report().choice));
    }
    if (plan.model.tile) text += fmt::format(", tiles of {}x{}", plan.input.width, plan.input.height);
    return text;
}

json encode_plan(const engine::PreparedJob& prepared) {
    if (!prepared.job.video) return "JSON lines";
    const media::EncoderSettings& encoder = prepared.job.video->encoder;
    return fmt::format("{} on the CPU, {}x{} {}, {} threads an instance", encoder.request.codec, encoder.picture.width,
                       encoder.picture.height, core::name(encoder.picture.format), encoder.threads);
}

// What a run of the same job would do; nullopt with `problem` filled when it would be refused.
std::optional<engine::PreparedJob> prepare(const Job& asked, std::string& problem) {
    Job job = asked;
    engine::use_scratch_output(job);
    job.run.overwrite = Overwrite::replace;
    try {
        return engine::prepare_job(job, {});
    } catch (const core::Error& error) {  // a probe is there to show it
        // Standard input cannot be opened again, so that nothing else is left to be shown.
        if (job.input.path == "-") throw;
        problem = error.what();
        return std::nullopt;
    }
}

// Where no output is named its container is not known either.
std::vector<std::string> fallbacks_of(const Job& job, const engine::PreparedJob& prepared) {
    std::vector<std::string> all = prepared.fallbacks;
    if (!job.output.path.empty() || !job.output.format.empty()) {
        std::ranges::move(engine::foreseen_losses(prepared), std::back_inserter(all));
    }
    return all;
}

json would_run(const Job& job, const std::optional<engine::PreparedJob>& prepared, const std::string& problem) {
    if (!prepared) return {{"problem", problem}};
    return {{"decode", decode_plan(job, *prepared)},
            {"model", model_plan(*prepared)},
            {"encode", encode_plan(*prepared)},
            {"lanes", prepared->job.limits.lanes},
            {"memory_bytes", prepared->job.limits.memory},
            {"fallbacks", fallbacks_of(job, *prepared)},
            {"notes", prepared->notes}};
}

}  // namespace

std::string probe_json(const Job& job) {
    std::string problem;
    const std::optional<engine::PreparedJob> prepared = prepare(job, problem);
    const engine::OpenedInput input = prepared ? prepared->input : engine::open_input(job.input, {});
    json streams = json::array();
    for (const media::StreamInfo& stream : input.info.streams) streams.push_back(to_json(stream));
    const media::PacketIndex& index = *input.index;
    const auto segments = prepared ? prepared->job.input.segments : plan_without_output(input, job);
    const json body{{"path", input.info.path},
                    {"format", input.info.format},
                    {"size_bytes", input.info.size_bytes},
                    {"duration_seconds", input.info.duration_seconds},
                    {"chapters", input.info.chapter_count},
                    {"metadata", input.info.metadata},
                    {"streams", streams},
                    {"video", input.info.video},
                    {"index",
                     {{"frames", index.frame_pts.size()},
                      {"access_points", index.access_points.size()},
                      {"reorder", index.reorder},
                      {"one_segment_reason", index.one_segment_reason}}},
                    {"segments", segments_to_json(input, segments)},
                    {"would_run", would_run(job, prepared, problem)}};
    return body.dump(2, ' ', false, json::error_handler_t::replace);
}

}  // namespace millrace
