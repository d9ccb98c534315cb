#pragma once
// The members of a Job and the names of its enums, once, for reading and for writing.

#include <array>
#include <concepts>
#include <cstddef>
#include <string_view>
#include <type_traits>

#include "millrace/job.h"

namespace millrace::engine {

/// T or const T: `members` reads and writes.
template <class Self, class T>
concept Either = std::same_as<std::remove_const_t<Self>, T>;

/// Calls visit(name, member) for every member of `options`. A member that is missing here is found by
/// tests/engine/job_json_test.cc.
template <Either<ModelOptions> Self>
void members(Self& options, auto&& visit) {
    visit("path", options.path);
    visit("settings", options.settings);
    visit("batch", options.batch);
    visit("threads", options.threads);
    visit("workers", options.workers);
    visit("batch_timeout_ms", options.batch_timeout);
    visit("precision", options.precision);
    visit("runtime_library", options.runtime_library);
    visit("runtime", options.runtime);
    visit("engine_cache", options.engine_cache);
    visit("tuning", options.tuning);
    visit("tune_folder", options.tune_folder);
}

template <Either<ScriptOptions> Self>
void members(Self& options, auto&& visit) {
    visit("path", options.path);
    visit("further", options.further);
    visit("settings", options.settings);
    visit("python", options.python);
    visit("workers", options.workers);
    visit("timeout", options.timeout);
}

template <Either<OutputOptions> Self>
void members(Self& options, auto&& visit) {
    visit("path", options.path);
    visit("format", options.format);
    visit("video_codec", options.video_codec);
    visit("crf", options.crf);
    visit("preset", options.preset);
    visit("bit_rate", options.bit_rate);
    visit("pixel_format", options.pixel_format);
    visit("encoder_options", options.encoder_options);
    visit("encoder_threads", options.encoder_threads);
    visit("odd_size", options.odd_size);
    visit("fragmented", options.fragmented);
    visit("audio", options.audio);
    visit("subtitles", options.subtitles);
}

template <Either<InputOptions> Self>
void members(Self& options, auto&& visit) {
    visit("path", options.path);
    visit("video_stream", options.video_stream);
    visit("start_us", options.start_us);
    visit("duration_us", options.duration_us);
    visit("frames", options.frames);
    visit("deinterlace", options.deinterlace);
    visit("on_corrupt", options.on_corrupt);
    visit("color_matrix", options.color_matrix);
    visit("color_range", options.color_range);
    visit("chroma_location", options.chroma_location);
    visit("decoder_threads", options.decoder_threads);
    visit("rate", options.rate);
}

template <Either<RunOptions> Self>
void members(Self& options, auto&& visit) {
    visit("device", options.device);
    visit("memory", options.memory);
    visit("gpu_memory", options.gpu_memory);
    visit("lanes", options.lanes);
    visit("segment_length", options.segment_length);
    visit("journal", options.journal);
    visit("overwrite", options.overwrite);
    visit("strictness", options.strictness);
    visit("trace", options.trace);
}

template <Either<Job> Self>
void members(Self& job, auto&& visit) {
    visit("input", job.input);
    visit("output", job.output);
    visit("model", job.model);
    visit("script", job.script);
    visit("run", job.run);
    visit("work_folder", job.work_folder);
}

/// A struct with members, as opposed to a value.
template <class T>
concept Group = requires(T& value) { members(value, [](const char*, auto&) {}); };

/// The names of an enum's values, in the order of the values from 0.
template <class E>
constexpr std::array<std::string_view, 0> names_of{};
/// The name of one.
template <class E>
constexpr std::string_view name_of(E value) {
    return names_of<E>.at(static_cast<std::size_t>(value));
}
template <>
inline constexpr std::array<std::string_view, 3> names_of<OnCorrupt>{"conceal", "drop", "fail"};
template <>
inline constexpr std::array<std::string_view, 2> names_of<Strictness>{"lenient", "strict"};
template <>
inline constexpr std::array<std::string_view, 2> names_of<Overwrite>{"refuse", "replace"};
template <>
inline constexpr std::array<std::string_view, 2> names_of<Continue>{"resume", "restart"};
template <>
inline constexpr std::array<std::string_view, 3> names_of<OddSize>{"refuse", "pad", "crop"};
template <>
inline constexpr std::array<std::string_view, 4> names_of<Precision>{"automatic", "fp32", "tf32", "fp16"};
template <>
inline constexpr std::array<std::string_view, 2> names_of<Tuning>{"use", "ignore"};
template <>
inline constexpr std::array<std::string_view, 4> names_of<ModelRuntime>{"automatic", "cuda", "tensorrt", "fused"};
template <>
inline constexpr std::array<std::string_view, 2> names_of<Keep>{"yes", "no"};
template <>
inline constexpr std::array<std::string_view, 2> names_of<Deinterlacing>{"off", "bwdif"};

}  // namespace millrace::engine
