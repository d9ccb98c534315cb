#include "infer/onnxruntime/model_file.h"

#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "infer/onnxruntime/runtime.h"

namespace millrace::infer::ort {
namespace {

using core::DType;
using core::Error;
using core::ErrorCode;

constexpr std::array<std::pair<ONNXTensorElementDataType, DType>, 5> element_types{{
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, DType::float32},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16, DType::float16},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8, DType::uint8},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32, DType::int32},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, DType::int64},
}};

Port port_of(const std::string& name, const Ort::TypeInfo& info, const std::string& path) {
    if (info.GetONNXType() == ONNX_TYPE_TENSOR) {
        const auto tensor = info.GetTensorTypeAndShapeInfo();
        for (const auto& [theirs, ours] : element_types) {
            if (tensor.GetElementType() != theirs) continue;
            std::vector<const char*> names(tensor.GetDimensionsCount(), nullptr);
            if (!names.empty()) tensor.GetSymbolicDimensions(names.data(), names.size());
            Port port{name, {ours, tensor.GetShape()}};
            for (const char* axis : names) port.axis_names.emplace_back(axis != nullptr ? axis : "");
            return port;
        }
    }
    throw Error(ErrorCode::bad_input, fmt::format("model {}: '{}' is of a type that Millrace does not know; expected a "
                                                  "tensor of float32, float16, uint8, int32 or int64",
                                                  path, name));
}

std::string load_reason(const Ort::Exception& failure, const std::string& path) {
    std::string_view reason = failure.what();
    const std::string opening = fmt::format("Load model from {} failed:", path);
    if (reason.starts_with(opening)) reason.remove_prefix(opening.size());
    while (!reason.empty() && (reason.back() == '\n' || reason.back() == '.')) reason.remove_suffix(1);
    return std::string(reason);
}

/// Sorts the runtime's refusals into what the user can do about them.
[[noreturn]] void refuse(const Ort::Exception& failure, const std::string& path) {
    const std::string reason = load_reason(failure, path);
    const auto says = [&reason](std::string_view part) { return reason.find(part) != std::string::npos; };
    if (failure.GetOrtErrorCode() == ORT_INVALID_PROTOBUF || says("No graph was found")) {
        throw Error(
            ErrorCode::bad_input,
            fmt::format("model {} is not an ONNX file ({}); export the network with torch.onnx.export or a like tool",
                        path, reason));
    }
    if (says("is not a registered function/op") || failure.GetOrtErrorCode() == ORT_NOT_IMPLEMENTED) {
        throw Error(
            ErrorCode::bad_input,
            fmt::format("model {} uses an operator that this ONNX Runtime does not have ({}); export it with standard "
                        "operators, or use a newer ONNX Runtime",
                        path, reason));
    }
    throw Error(ErrorCode::bad_input, fmt::format("model {} cannot be loaded: {}", path, reason));
}

std::map<std::string, std::string> metadata_of(const Ort::Session& session) {
    Ort::AllocatorWithDefaultOptions allocator;
    const Ort::ModelMetadata metadata = session.GetModelMetadata();
    std::map<std::string, std::string> entries;
    for (const auto& key : metadata.GetCustomMetadataMapKeysAllocated(allocator)) {
        const auto value = metadata.LookupCustomMetadataMapAllocated(key.get(), allocator);
        entries.emplace(key.get(), value ? value.get() : "");
    }
    return entries;
}

}  // namespace

Ort::Session open_session(Ort::Env& environment, const std::string& path, const Ort::SessionOptions& options) {
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    if (!std::filesystem::exists(status)) {
        throw Error(ErrorCode::bad_input, fmt::format("model {}: no such file", path));
    }
    if (!std::filesystem::is_regular_file(status)) {
        throw Error(ErrorCode::bad_input, fmt::format("model {} is not a file; expected an ONNX file", path));
    }
    try {
        return {environment, path.c_str(), options};
    } catch (const Ort::Exception& failure) {
        refuse(failure, path);
    }
}

std::vector<Port> inputs_of(const Ort::Session& session, const std::string& path) {
    Ort::AllocatorWithDefaultOptions allocator;
    std::vector<Port> ports;
    ports.reserve(session.GetInputCount());
    for (std::size_t i = 0; i < session.GetInputCount(); ++i) {
        ports.push_back(port_of(session.GetInputNameAllocated(i, allocator).get(), session.GetInputTypeInfo(i), path));
    }
    return ports;
}

std::vector<Port> outputs_of(const Ort::Session& session, const std::string& path) {
    Ort::AllocatorWithDefaultOptions allocator;
    std::vector<Port> ports;
    ports.reserve(session.GetOutputCount());
    for (std::size_t i = 0; i < session.GetOutputCount(); ++i) {
        ports.push_back(
            port_of(session.GetOutputNameAllocated(i, allocator).get(), session.GetOutputTypeInfo(i), path));
    }
    return ports;
}

ONNXTensorElementDataType element_type(DType dtype) {
    for (const auto& [theirs, ours] : element_types) {
        if (dtype == ours) return theirs;
    }
    return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
}

ModelFile read_model_file(Ort::Env& environment, const std::string& path) {
    // Ports and metadata need no optimised graph; that comes with the session's real shapes.
    Ort::SessionOptions options;
    options.SetIntraOpNumThreads(1);
    options.SetGraphOptimizationLevel(ORT_DISABLE_ALL);
    options.AddConfigEntry("session.disable_prepacking", "1");
    const Ort::Session session = open_session(environment, path, options);
    return {path, inputs_of(session, path), outputs_of(session, path), metadata_of(session)};
}

}  // namespace millrace::infer::ort
