#include "app/option_setters.h"

#include <fmt/format.h>

#include <chrono>
#include <limits>

#include "app/options.h"
#include "app/values.h"
#include "core/error.h"

namespace millrace::app::set {

namespace {

constexpr int most_threads = 1024;
constexpr int most_batch = 1024;
constexpr std::int64_t any = std::numeric_limits<std::int64_t>::max();

int count(std::string_view option, const std::string& value, int most) {
    return static_cast<int>(parse_integer(option, value, {1, most}));
}

/// Microseconds.
std::int64_t time_above_0(std::string_view option, const std::string& value) {
    const std::int64_t us = parse_time(option, value);
    if (us == 0) {
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("{}: expected a time above 0, found '{}'", option, shown(value)));
    }
    return us;
}

double seconds(std::int64_t us) {
    constexpr double us_a_second = 1e6;
    return static_cast<double>(us) / us_a_second;
}

}  // namespace

void input(Draft& draft, const std::string& value) { draft.job.input.path = value; }
void output(Draft& draft, const std::string& value) { draft.job.output.path = value; }
void overwrite(Draft& draft, const std::string&) { draft.job.run.overwrite = Overwrite::replace; }
void format(Draft& draft, const std::string& value) { draft.job.output.format = value; }
void fragmented(Draft& draft, const std::string&) { draft.job.output.fragmented = true; }
void work_folder(Draft& draft, const std::string& value) { draft.job.work_folder = value; }

void start(Draft& draft, const std::string& value) { draft.job.input.start_us = parse_time("-ss", value); }
void duration(Draft& draft, const std::string& value) { draft.job.input.duration_us = time_above_0("-t", value); }
void frames(Draft& draft, const std::string& value) {
    draft.job.input.frames = parse_integer("--frames", value, {1, any});
}
void video_stream(Draft& draft, const std::string& value) {
    draft.job.input.video_stream = parse_video_stream("-map", value);
}
void deinterlace(Draft& draft, const std::string&) { draft.job.input.deinterlace = Deinterlacing::bwdif; }
void on_corrupt(Draft& draft, const std::string& value) {
    draft.job.input.on_corrupt = value == "drop"   ? OnCorrupt::drop
                                 : value == "fail" ? OnCorrupt::fail
                                                   : OnCorrupt::conceal;
}
void color_matrix(Draft& draft, const std::string& value) { draft.job.input.color_matrix = value; }
void color_range(Draft& draft, const std::string& value) { draft.job.input.color_range = value; }
void chroma_location(Draft& draft, const std::string& value) { draft.job.input.chroma_location = value; }
void input_rate(Draft& draft, const std::string& value) { draft.job.input.rate = parse_rate("--input-rate", value); }
void decoder_threads(Draft& draft, const std::string& value) {
    draft.job.input.decoder_threads = count("--decoder-threads", value, most_threads);
}

void video_codec(Draft& draft, const std::string& value) { draft.job.output.video_codec = value; }
void crf(Draft& draft, const std::string& value) { draft.job.output.crf = parse_number("-crf", value, {0, 63}); }
void bit_rate(Draft& draft, const std::string& value) { draft.job.output.bit_rate = parse_bit_rate("-b:v", value); }
void preset(Draft& draft, const std::string& value) { draft.job.output.preset = value; }
void pixel_format(Draft& draft, const std::string& value) { draft.job.output.pixel_format = value; }
void encoder_option(Draft& draft, const std::string& value) {
    draft.job.output.encoder_options.push_back(parse_key_value("-e", value));
}
void encoder_threads(Draft& draft, const std::string& value) {
    draft.job.output.encoder_threads = count("-threads", value, most_threads);
}
void pad(Draft& draft, const std::string&) { draft.job.output.odd_size = OddSize::pad; }
void crop(Draft& draft, const std::string&) { draft.job.output.odd_size = OddSize::crop; }
void no_audio(Draft& draft, const std::string&) { draft.job.output.audio = Keep::no; }
void no_subtitles(Draft& draft, const std::string&) { draft.job.output.subtitles = Keep::no; }

void model(Draft& draft, const std::string& value) { draft.job.model.path = value; }
void model_setting(Draft& draft, const std::string& value) {
    const auto [key, text] = parse_key_value("--set-model", value);
    draft.job.model.settings[key] = text;
}
void input_range(Draft& draft, const std::string& value) { draft.job.model.settings["input.range"] = value; }
void input_color(Draft& draft, const std::string& value) { draft.job.model.settings["input.color"] = value; }
void input_size(Draft& draft, const std::string& value) {
    const auto [width, height] = parse_size("--input-size", value);
    draft.job.model.settings["input.size"] = fmt::format("[{}, {}]", width, height);
}
void fit(Draft& draft, const std::string& value) { draft.job.model.settings["input.fit"] = value; }
void tile(Draft& draft, const std::string& value) {
    constexpr int most_overlap = 65536;
    const std::size_t plus = value.find('+');
    const auto [width, height] = parse_size("--tile", std::string_view(value).substr(0, plus));
    const std::int64_t overlap =
        plus == std::string::npos
            ? 0
            : parse_integer("--tile's overlap", std::string_view(value).substr(plus + 1), {0, most_overlap});
    draft.job.model.settings["tile"] = fmt::format("[{}, {}, {}]", width, height, overlap);
}
void window(Draft& draft, const std::string& value) {
    constexpr int most_neighbours = 256;
    const std::size_t comma = value.find(',');
    if (comma == std::string::npos) {
        throw core::Error(
            core::ErrorCode::usage,
            fmt::format("--window: expected frames before and after such as 1,1, found '{}'", shown(value)));
    }
    const std::string_view text = value;
    draft.job.model.settings["window"] =
        fmt::format("[{}, {}]", parse_integer("--window", text.substr(0, comma), {0, most_neighbours}),
                    parse_integer("--window", text.substr(comma + 1), {0, most_neighbours}));
}
void batch(Draft& draft, const std::string& value) { draft.job.model.batch = count("--batch", value, most_batch); }
void batch_timeout(Draft& draft, const std::string& value) {
    draft.job.model.batch_timeout = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::microseconds(parse_time("--batch-timeout", value)));
}
void model_threads(Draft& draft, const std::string& value) {
    draft.job.model.threads = count("--model-threads", value, most_threads);
}
void model_workers(Draft& draft, const std::string& value) {
    draft.job.model.workers = count("--model-workers", value, most_threads);
}
void precision(Draft& draft, const std::string& value) {
    draft.precision = value == "fp32"   ? Precision::fp32
                      : value == "tf32" ? Precision::tf32
                      : value == "fp16" ? Precision::fp16
                                        : Precision::automatic;
}
void fp16(Draft& draft, const std::string&) { draft.half = true; }
void runtime(Draft& draft, const std::string& value) {
    draft.job.model.runtime = value == "tensorrt" ? ModelRuntime::tensorrt
                              : value == "fused"  ? ModelRuntime::fused
                              : value == "cuda"   ? ModelRuntime::cuda
                                                  : ModelRuntime::automatic;
}
void no_tune(Draft& draft, const std::string&) { draft.job.model.tuning = Tuning::ignore; }
void engine_cache(Draft& draft, const std::string& value) { draft.job.model.engine_cache = value; }
void runtime_library(Draft& draft, const std::string& value) { draft.job.model.runtime_library = value; }

void script(Draft& draft, const std::string& value) {
    ScriptOptions& script = draft.job.script;
    if (script.path.empty()) {
        script.path = value;
    } else {
        script.further.push_back(value);
    }
}
void script_setting(Draft& draft, const std::string& value) {
    const auto [key, text] = parse_key_value("--set", value);
    draft.job.script.settings[key] = text;
}
void size(Draft& draft, const std::string& value) {
    const auto [width, height] = parse_size("--size", value);
    draft.size = {width, height};
}
void python(Draft& draft, const std::string& value) { draft.job.script.python = value; }
void script_workers(Draft& draft, const std::string& value) {
    draft.job.script.workers = count("--script-workers", value, most_threads);
}
void script_timeout(Draft& draft, const std::string& value) {
    draft.job.script.timeout = seconds(time_above_0("--script-timeout", value));
}

void device(Draft& draft, const std::string& value) { draft.job.run.device = value; }
void memory(Draft& draft, const std::string& value) { draft.job.run.memory = parse_bytes("--memory", value); }

void gpu_memory(Draft& draft, const std::string& value) {
    draft.job.run.gpu_memory = parse_bytes("--gpu-memory", value);
}
void lanes(Draft& draft, const std::string& value) { draft.job.run.lanes = count("--lanes", value, most_threads); }
void segment_length(Draft& draft, const std::string& value) {
    draft.job.run.segment_length = seconds(time_above_0("--segment-length", value));
}
void restart(Draft& draft, const std::string&) { draft.job.run.journal = Continue::restart; }
void strict(Draft& draft, const std::string&) { draft.job.run.strictness = Strictness::strict; }

void tune_time(Draft& draft, const std::string& value) { draft.tune.seconds = seconds(time_above_0("--time", value)); }
void live(Draft& draft, const std::string& value) {
    constexpr double slowest = 0.1;
    constexpr double fastest = 10000;
    draft.tune.live_fps = parse_number("--live", value, {slowest, fastest});
}
void no_store(Draft& draft, const std::string&) { draft.tune.result = Keep::no; }
void plot(Draft& draft, const std::string& value) { draft.plot_path = value; }

void report(Draft& draft, const std::string& value) { draft.report_path = value; }
void trace(Draft& draft, const std::string& value) {
    draft.trace_path = value;
    draft.job.run.trace = true;
}
void json(Draft& draft, const std::string&) { draft.common.format = Format::json; }
void no_progress(Draft& draft, const std::string&) { draft.common.progress = ProgressDisplay::hidden; }
void verbosity(Draft& draft, const std::string& value) {
    using core::log::Level;
    draft.common.level = value == "quiet"     ? Level::quiet
                         : value == "error"   ? Level::error
                         : value == "warning" ? Level::warning
                         : value == "debug"   ? Level::debug
                                              : Level::info;
}

}  // namespace millrace::app::set
