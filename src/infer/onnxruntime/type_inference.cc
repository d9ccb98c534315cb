#include "infer/onnxruntime/type_inference.h"

#include <onnxruntime_cxx_api.h>

#include <cstddef>

#include "core/log.h"
#include "infer/onnxruntime/runtime.h"

namespace millrace::infer::ort {

std::vector<graph::TensorType> infer_types(const std::string& library, const std::string& model) {
    Ort::Env& env = environment(library);
    std::vector<graph::TensorType> types;
    try {
        Ort::SessionOptions options;
        options.SetIntraOpNumThreads(1);
        options.SetGraphOptimizationLevel(ORT_DISABLE_ALL);
        options.AddConfigEntry("session.disable_prepacking", "1");
        const Ort::Session session(env, model.data(), model.size(), options);
        for (std::size_t i = 0; i < session.GetOutputCount(); ++i) {
            graph::TensorType& type = types.emplace_back();
            const Ort::TypeInfo info = session.GetOutputTypeInfo(i);
            if (info.GetONNXType() != ONNX_TYPE_TENSOR) continue;
            const auto tensor = info.GetTensorTypeAndShapeInfo();
            // The runtime numbers types as ONNX does.
            type.element = static_cast<graph::ElementType>(tensor.GetElementType());
            // Of a tensor of unknown rank it tells as little as of one with no dimensions.
            if (tensor.GetDimensionsCount() > 0) type.shape = tensor.GetShape();
        }
    } catch (const Ort::Exception& failure) {
        core::log::debug("no types inferred: {}", failure.what());
        return {};
    }
    return types;
}

}  // namespace millrace::infer::ort
