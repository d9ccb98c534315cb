#include "engine/opened_input.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <initializer_list>
#include <string>
#include <vector>

#include "core/error.h"

namespace millrace::engine {

namespace {

// The value whose name() is `text`; what it is when nothing was asked for.
template <class Value>
Value named(const char* option, const std::string& text, std::initializer_list<Value> values, Value unset) {
    if (text.empty()) return unset;
    std::vector<std::string> names;
    for (const Value value : values) {
        if (core::name(value) == text) return value;
        names.emplace_back(core::name(value));
    }
    throw core::Error(core::ErrorCode::usage,
                      fmt::format("{} {}: unknown; use one of {}", option, text, fmt::join(names, ", ")));
}

std::string rate_text(core::Rational rate) {
    if (rate.den == 1) return std::to_string(rate.num);
    return fmt::format("{}/{}", rate.num, rate.den);
}

core::Rational named_rate(const InputOptions& options) {
    if (options.rate.empty()) return {0, 1};
    if (const auto rate = core::parse_rate(options.rate)) return *rate;
    throw core::Error(
        core::ErrorCode::usage,
        fmt::format("--input-rate {}: expected frames a second such as 25, 29.97 or 30000/1001", options.rate));
}

}  // namespace

core::ColorDescription named_color(const InputOptions& options) {
    using core::ChromaSiting;
    using core::Matrix;
    using core::Range;
    core::ColorDescription color;
    color.matrix = named("--color-matrix", options.color_matrix,
                         {Matrix::bt709, Matrix::fcc, Matrix::bt470bg, Matrix::smpte170m, Matrix::smpte240m,
                          Matrix::bt2020_ncl, Matrix::identity},
                         Matrix::unspecified);
    color.range = named("--color-range", options.color_range, {Range::limited, Range::full}, Range::unspecified);
    color.siting = named("--chroma-location", options.chroma_location,
                         {ChromaSiting::left, ChromaSiting::center, ChromaSiting::top_left, ChromaSiting::top,
                          ChromaSiting::bottom_left, ChromaSiting::bottom},
                         ChromaSiting::unspecified);
    return color;
}

std::string rate_note(const OpenedInput& input) {
    const media::StreamInfo& video = input.video();
    if (video.rate_from == media::RateFrom::assumed) {
        return fmt::format("{}: raw {} has no times; {} fps assumed; --input-rate says another", input.options.path,
                           video.codec, rate_text(video.average_frame_rate));
    }
    if (video.rate_from != media::RateFrom::user || video.headers_rate.num == 0 ||
        video.headers_rate == video.average_frame_rate) {
        return {};
    }
    return fmt::format("{}: its headers say {} fps; --input-rate {} is taken", input.options.path,
                       rate_text(video.headers_rate), rate_text(video.average_frame_rate));
}

OpenedInput open_input(const InputOptions& options, const std::stop_token& stop) {
    OpenedInput input;
    input.options = {options.path, options.video_stream, named_color(options), named_rate(options)};
    input.source = media::open_source(input.options);
    input.info = input.source->info();
    input.index = std::make_shared<const media::PacketIndex>(media::build_index(*input.source, stop));
    return input;
}

}  // namespace millrace::engine
