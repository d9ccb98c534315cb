#include "infer/data_result.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::infer {
namespace {

constexpr std::size_t top = 5;

/// IEEE 754 binary16: 1 sign, 5 exponent, 10 fraction bits. Exact.
float from_half(std::uint16_t bits) {
    const auto exponent = static_cast<int>((bits >> 10U) & 0x1FU);
    const auto fraction = static_cast<float>(bits & 0x3FFU);
    float magnitude = 0;
    if (exponent == 31) {
        magnitude = fraction == 0 ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
    } else if (exponent == 0) {
        magnitude = std::ldexp(fraction, -24);
    } else {
        magnitude = std::ldexp(fraction + 1024.0F, exponent - 25);
    }
    return (bits & 0x8000U) != 0 ? -magnitude : magnitude;
}

/// Fewest digits that give back `value`, with a point or an exponent so that every reader takes it for a real number.
template <class Real>
void append_real(std::string& text, Real value) {
    std::array<char, 32> digits{};
    const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), value);
    const std::string_view number(digits.data(), static_cast<std::size_t>(written.ptr - digits.data()));
    text += number;
    if (number.find_first_of(".e") == std::string_view::npos) text += ".0";
}

template <class T>
T load(const std::byte* data, std::size_t index) {
    T value;
    std::memcpy(&value, data + index * sizeof(T), sizeof(T));
    return value;
}

/// One frame's part of an output.
struct Entry {
    std::vector<std::int64_t> shape;
    core::DType dtype = core::DType::float32;
    const std::byte* data = nullptr;
    std::size_t count = 0;
};

/// A batch of one may come without a batch dimension (make_session checks the rest).
Entry entry_of(const device::Tensor& tensor, int batch, int slot) {
    const core::TensorDesc& desc = tensor.desc;
    Entry entry{desc.shape, desc.dtype, tensor.data, static_cast<std::size_t>(desc.element_count())};
    if (desc.shape.empty() || desc.shape.front() != batch) {
        assert(batch == 1);
        return entry;
    }
    entry.shape.erase(entry.shape.begin());
    entry.count /= static_cast<std::size_t>(batch);
    entry.data += static_cast<std::size_t>(slot) * entry.count * core::size_of(desc.dtype);
    return entry;
}

/// Value `index`; integers of 64 bits lose digits in it, which only the order of labels could tell.
double value_at(const Entry& entry, std::size_t index) {
    switch (entry.dtype) {
        case core::DType::float32:
            return load<float>(entry.data, index);
        case core::DType::float16:
            return from_half(load<std::uint16_t>(entry.data, index));
        case core::DType::uint8:
            return load<std::uint8_t>(entry.data, index);
        case core::DType::uint16:
            return load<std::uint16_t>(entry.data, index);
        case core::DType::int32:
            return load<std::int32_t>(entry.data, index);
        case core::DType::int64:
            return static_cast<double>(load<std::int64_t>(entry.data, index));
    }
    return 0;
}

void append_value(std::string& text, const Entry& entry, std::size_t index) {
    const double value = value_at(entry, index);
    if (!std::isfinite(value)) {
        text += "null";
    } else if (entry.dtype == core::DType::float32 || entry.dtype == core::DType::float16) {
        append_real(text, static_cast<float>(value));
    } else if (entry.dtype == core::DType::int64) {
        text += std::to_string(load<std::int64_t>(entry.data, index));
    } else {
        text += std::to_string(static_cast<std::int64_t>(value));
    }
}

/// "shape":[...],"values":[...]
void append_entry(DataLine& line, const Entry& entry) {
    line.text += fmt::format(R"("shape":[{}],"values":[)", fmt::join(entry.shape, ","));
    for (std::size_t i = 0; i < entry.count; ++i) {
        if (i > 0) line.text += ',';
        append_value(line.text, entry, i);
        line.nan_count += std::isfinite(value_at(entry, i)) ? 0 : 1;
    }
    line.text += ']';
}

/// A JSON string; bytes that are no UTF-8 become U+FFFD.
std::string quoted(const std::string& text) {
    return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// "labels":[{"label":...,"score":...},...],
void append_labels(std::string& text, const std::vector<std::string>& labels, const Entry& entry) {
    std::vector<std::pair<double, std::size_t>> scores;
    for (std::size_t i = 0; i < std::min(labels.size(), entry.count); ++i) {
        const double score = value_at(entry, i);
        if (std::isfinite(score)) scores.emplace_back(score, i);
    }
    const auto higher = [](const auto& a, const auto& b) {
        return a.first > b.first || (a.first == b.first && a.second < b.second);
    };
    const std::size_t kept = std::min(top, scores.size());
    std::partial_sort(scores.begin(), scores.begin() + static_cast<std::ptrdiff_t>(kept), scores.end(), higher);
    text += R"("labels":[)";
    for (std::size_t i = 0; i < kept; ++i) {
        text += fmt::format(R"({}{{"label":{},"score":)", i > 0 ? "," : "", quoted(labels[scores[i].second]));
        append_value(text, entry, scores[i].second);
        text += '}';
    }
    text += "],";
}

/// Of [N, bytes] that zeros fill up.
std::string_view text_of(const Entry& entry) {
    const std::string_view padded(reinterpret_cast<const char*>(entry.data),
                                  entry.count);  // NOLINT(*-reinterpret-cast)
    return padded.substr(0, padded.find('\0'));
}

/// {"frame":...,"pts":...,"seconds":...,
std::string line_head(const FrameStamp& stamp) {
    std::string text = fmt::format(R"({{"frame":{},)", stamp.frame);
    if (stamp.pts == core::no_pts) {
        text += R"("pts":null,"seconds":null,)";
    } else {
        text += fmt::format(R"("pts":{},"seconds":)", stamp.pts);
        append_real(text, stamp.seconds);
        text += ',';
    }
    return text;
}

}  // namespace

std::string text_line(const FrameStamp& stamp, std::string_view result) {
    return fmt::format(R"({}"result":{}}})", line_head(stamp), result);
}

DataLine format_data(const ModelDescription& model, std::span<const device::Tensor> outputs, int slot,
                     const FrameStamp& stamp) {
    assert(outputs.size() == model.outputs.size() && slot >= 0 && slot < model.batch);
    DataLine line;
    const auto result = static_cast<std::size_t>(model.result_output);
    const Entry entry = entry_of(outputs[result], model.batch, slot);
    if (model.output == OutputKind::text) {
        line.text = text_line(stamp, text_of(entry));
        return line;
    }
    line.text = line_head(stamp);
    if (!model.labels.empty()) append_labels(line.text, model.labels, entry);
    append_entry(line, entry);
    const std::size_t before = line.text.size();
    for (std::size_t i = 0; i < outputs.size(); ++i) {
        const bool state = std::ranges::any_of(
            model.states, [i](const auto& pair) { return static_cast<std::size_t>(pair.second) == i; });
        if (i == result || state) continue;
        line.text += line.text.size() == before ? R"(,"outputs":{)" : ",";
        line.text += quoted(model.outputs[i].name) + ":{";
        append_entry(line, entry_of(outputs[i], model.batch, slot));
        line.text += '}';
    }
    line.text += line.text.size() == before ? "}" : "}}";
    return line;
}

}  // namespace millrace::infer
