#include "infer/onnxruntime/cuda_model.h"

#include <fmt/format.h>

#include <cassert>
#include <cstddef>

#include "core/log.h"
#include "device/stream.h"
#include "infer/onnxruntime/cuda_provider.h"
#include "infer/onnxruntime/model_file.h"
#include "infer/onnxruntime/runtime.h"
#include "infer/onnxruntime/session_options.h"
#include "infer/onnxruntime/tensorrt_provider.h"

namespace millrace::infer::ort {

CudaModel::CudaModel(const ModelSource& source, Size input, const RuntimeChoice& choice, device::StreamRef stream)
    : model_(source.model),
      stream_(stream),
      input_names_(names_of(model_.inputs)),
      output_names_(names_of(model_.outputs)) {
    const std::string doing =
        fmt::format("model {} does not load on {}", model_.path, device::to_string(stream.device));
    try {
        memory_ = Ort::MemoryInfo("Cuda", OrtDeviceAllocator, stream.device.index, OrtMemTypeDefault);
        load(source, choice, input);
        shapes_ = source.inputs == nullptr ? find_shapes(session_, model_, input)
                                           : find_shapes(session_, model_, *source.inputs);
        // The CPU's nodes need the results of the GPU's; only without any does a run end before the GPU does.
        if (fallback_.empty()) run_options_.AddConfigEntry("disable_synchronize_execution_providers", "1");
        run_options_.SetRunLogSeverityLevel(ORT_LOGGING_LEVEL_WARNING);
    } catch (const Ort::Exception& failure) {
        refuse_cuda(failure, doing, source.request.gpu_memory);
    }
}

Ort::SessionOptions CudaModel::options(const ModelSource& source, const RuntimeChoice& choice, Size input) const {
    const ModelRequest& request = source.request;
    // Threads are for the nodes that stay on the CPU.
    const int threads = request.threads > 0 ? request.threads : 1;
    Ort::SessionOptions options = source.inputs == nullptr
                                      ? session_options(model_, check_picture_input(model_, input), threads)
                                      : session_options(threads);
    add_choice(options, choice);
    if (choice.provider == Provider::tensorrt) {
        RuntimeChoice precision = choice;
        if (model_.dtype == core::DType::float16) precision.weights = Weights::fp16;
        append_tensorrt_provider(
            options, tensorrt_provider_options(stream_.device, request.gpu_memory, precision, request.engine), stream_);
    }
    append_cuda_provider(options, cuda_provider_options(stream_.device, request.gpu_memory, choice), stream_);
    return options;
}

/// The runtime says whether a model's own nodes are all on the GPU only by refusing it. It does so before it moves the
/// weights, and only then the model is loaded a second time, with an ear to where its nodes went.
void CudaModel::load(const ModelSource& source, const RuntimeChoice& choice, Size input) {
    Ort::Env& env = environment(source.request.runtime_library);
    const auto open = [&](const Ort::SessionOptions& options) {
        if (source.bytes.empty()) return Ort::Session(env, model_.path.c_str(), options);
        return Ort::Session(env, source.bytes.data(), source.bytes.size(), options);
    };
    Ort::SessionOptions strict = options(source, choice, input);
    strict.AddConfigEntry("session.disable_cpu_ep_fallback", "1");
    // Which of two providers on the GPU runs a node is told by the log alone.
    if (choice.provider == Provider::tensorrt) placement_.listen(strict);
    try {
        session_ = open(strict);
        note_left_to_cuda(choice);
        return;
    } catch (const Ort::Exception& failure) {
        core::log::debug("model {} does not run on {} alone: {}", model_.path, device::to_string(stream_.device),
                         failure.what());
    }
    Ort::SessionOptions listening = options(source, choice, input);
    placement_.forget();
    placement_.listen(listening);
    session_ = open(listening);
    note_left_to_cuda(choice);
    const std::string nodes = placement_.on_cpu();
    fallback_ =
        fmt::format("model {} leaves {} to the CPU, which ONNX Runtime has no version of for {}: every run waits",
                    model_.path, nodes.empty() ? "some nodes" : nodes, device::to_string(stream_.device));
}

void CudaModel::note_left_to_cuda(const RuntimeChoice& choice) {
    const std::string nodes = choice.provider == Provider::tensorrt ? placement_.on_cuda() : "";
    if (nodes.empty()) return;
    left_to_cuda_ = fmt::format("model {} leaves {} to ONNX Runtime's CUDA provider, which TensorRT does not take",
                                model_.path, nodes);
}

Ort::Value CudaModel::bind(const device::Tensor& tensor) const {
    assert(tensor.device == stream_.device);
    return Ort::Value::CreateTensor(memory_, tensor.data, tensor.desc.byte_count(), tensor.desc.shape.data(),
                                    tensor.desc.shape.size(), element_type(tensor.desc.dtype));
}

void CudaModel::enqueue(std::span<const device::Tensor> inputs, std::span<const device::Tensor> outputs) {
    // An input that a node on the CPU reads is copied there at once, whatever the stream still has to do.
    if (!fallback_.empty()) device::synchronize(stream_);
    Ort::IoBinding binding(session_);
    for (std::size_t i = 0; i < inputs.size(); ++i) binding.BindInput(input_names_[i], bind(inputs[i]));
    for (std::size_t i = 0; i < outputs.size(); ++i) binding.BindOutput(output_names_[i], bind(outputs[i]));
    session_.Run(run_options_, binding);
}

}  // namespace millrace::infer::ort
