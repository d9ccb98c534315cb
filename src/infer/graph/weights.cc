#include "infer/graph/weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "core/error.h"
#include "core/half.h"

namespace millrace::infer::graph {
namespace {

static_assert(std::endian::native == std::endian::little, "raw_data is little-endian");

constexpr float largest = 65504.0F;
constexpr float smallest = 0x1p-24F;

using core::Error;
using core::ErrorCode;

std::string entry(const onnx::TensorProto& tensor, const char* key) {
    for (const onnx::StringStringEntryProto& one : tensor.external_data()) {
        if (one.key() == key) return one.value();
    }
    return {};
}

/// 0 where the entry is missing.
std::uint64_t number(const onnx::TensorProto& tensor, const char* key) {
    const std::string text = entry(tensor, key);
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

void embed(onnx::TensorProto& tensor, const std::string& path) {
    if (tensor.data_location() != onnx::TensorProto::EXTERNAL) return;
    const std::filesystem::path place = std::filesystem::path(path).replace_filename(entry(tensor, "location"));
    std::error_code error;
    const std::uint64_t size = std::filesystem::file_size(place, error);
    const std::uint64_t offset = number(tensor, "offset");
    const std::uint64_t left = error || offset > size ? 0 : size - offset;
    const std::uint64_t asked = number(tensor, "length");
    const std::uint64_t length = asked > 0 ? asked : left;
    std::string bytes(static_cast<std::size_t>(std::min(length, left)), '\0');
    std::ifstream file(place, std::ios::binary);
    file.seekg(static_cast<std::streamoff>(offset));
    file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (error || !file || length > left) {
        throw Error(
            ErrorCode::bad_input,
            fmt::format("model {}: weights '{}' are {} bytes from {} of {}, which cannot be read; put the whole "
                        "file beside the model",
                        path, tensor.name(), length, offset, place.string()));
    }
    tensor.set_raw_data(std::move(bytes));
    tensor.clear_external_data();
    tensor.clear_data_location();
}

void embed(onnx::GraphProto& graph, const std::string& path);

void embed(onnx::NodeProto& node, const std::string& path) {
    for (onnx::AttributeProto& attribute : *node.mutable_attribute()) {
        if (attribute.has_t()) embed(*attribute.mutable_t(), path);
        for (onnx::TensorProto& tensor : *attribute.mutable_tensors()) embed(tensor, path);
        if (attribute.has_g()) embed(*attribute.mutable_g(), path);
        for (onnx::GraphProto& graph : *attribute.mutable_graphs()) embed(graph, path);
    }
}

void embed(onnx::GraphProto& graph, const std::string& path) {
    for (onnx::TensorProto& tensor : *graph.mutable_initializer()) embed(tensor, path);
    for (onnx::NodeProto& node : *graph.mutable_node()) embed(node, path);
}

/// Calls `use` with each value of a float32 tensor.
template <class Use>
void for_each(const onnx::TensorProto& tensor, Use use) {
    const std::string& raw = tensor.raw_data();
    for (std::size_t at = 0; at + sizeof(float) <= raw.size(); at += sizeof(float)) {
        float value = 0;
        std::memcpy(&value, raw.data() + at, sizeof(value));
        use(value);
    }
    for (const float value : tensor.float_data()) use(value);
}

float into_range(float value) {
    if (!std::isfinite(value) || value == 0) return value;
    return std::copysign(std::clamp(std::abs(value), smallest, largest), value);
}

}  // namespace

void embed_external_data(onnx::ModelProto& model, const std::string& path) {
    embed(*model.mutable_graph(), path);
    for (onnx::FunctionProto& function : *model.mutable_functions()) {
        for (onnx::NodeProto& node : *function.mutable_node()) embed(node, path);
    }
}

bool exceeds_half(const onnx::TensorProto& tensor) {
    bool exceeds = false;
    for_each(tensor, [&](float value) { exceeds |= std::isfinite(value) && std::abs(value) > largest; });
    return exceeds;
}

onnx::TensorProto to_half(const onnx::TensorProto& tensor, const std::string& name) {
    onnx::TensorProto half;
    half.set_name(name);
    half.set_data_type(onnx::TensorProto::FLOAT16);
    *half.mutable_dims() = tensor.dims();
    std::string& raw = *half.mutable_raw_data();
    raw.reserve(tensor.raw_data().size() / 2 + static_cast<std::size_t>(tensor.float_data_size()) * 2);
    for_each(tensor, [&raw](float value) {
        const std::uint16_t bits = core::half_of_float(into_range(value));
        raw.push_back(static_cast<char>(bits & 0xFFU));
        raw.push_back(static_cast<char>(bits >> 8U));
    });
    return half;
}

}  // namespace millrace::infer::graph
