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

OpenedInput open_input(const InputOptions& options, const std::stop_token& stop) {
    OpenedInput input;
    input.options = {options.path, options.video_stream, named_color(options)};
    input.source = media::open_source(input.options);
    input.info = input.source->info();
    input.index = std::make_shared<const media::PacketIndex>(media::build_index(*input.source, stop));
    return input;
}

}  // namespace millrace::engine
