#include "infer/session.h"

#include <fmt/format.h>
#include <onnxruntime_cxx_api.h>
#include <sched.h>

#include <algorithm>
#include <cassert>
#include <map>
#include <optional>
#include <utility>

#include "core/error.h"
#include "infer/onnxruntime/model_file.h"
#include "infer/onnxruntime/runtime.h"
#include "infer/shapes.h"

namespace millrace::infer {
namespace {

using core::Error;
using core::ErrorCode;
using core::TensorDesc;

/// Cores that this process may use.
int usable_cores() {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    if (sched_getaffinity(0, sizeof(cores), &cores) != 0) return 1;
    return std::max(1, CPU_COUNT(&cores));
}

/// Gives every named dimension of the picture input its extent, so that the runtime can plan for one shape. A name that
/// stands for two extents is left open.
void fix_dimensions(Ort::SessionOptions& options, const Port& input, const TensorDesc& desc) {
    std::map<std::string, std::optional<std::int64_t>> extents;
    for (std::size_t axis = 0; axis < input.axis_names.size(); ++axis) {
        const auto [entry, added] = extents.try_emplace(input.axis_names[axis], desc.shape[axis]);
        if (!added && entry->second != desc.shape[axis]) entry->second.reset();
    }
    for (const auto& [name, extent] : extents) {
        if (name.empty() || !extent) continue;
        Ort::ThrowOnError(Ort::GetApi().AddFreeDimensionOverrideByName(options, name.c_str(), *extent));
    }
}

Ort::SessionOptions session_options(const ModelRequest& request, const Port& input, const TensorDesc& desc) {
    Ort::SessionOptions options;
    options.SetIntraOpNumThreads(request.threads > 0 ? request.threads : usable_cores());
    options.SetInterOpNumThreads(1);
    options.SetExecutionMode(ORT_SEQUENTIAL);
    options.SetGraphOptimizationLevel(ORT_ENABLE_ALL);
    options.SetDeterministicCompute(true);
    // Waiting threads would take the cores from decoding and encoding.
    options.AddConfigEntry("session.intra_op.allow_spinning", "0");
    fix_dimensions(options, input, desc);
    return options;
}

bool is_open(const TensorDesc& desc) {
    return std::ranges::any_of(desc.shape, [](std::int64_t extent) { return extent < 0; });
}

std::vector<const char*> names_of(const std::vector<Port>& ports) {
    std::vector<const char*> names;
    names.reserve(ports.size());
    for (const Port& port : ports) names.push_back(port.name.c_str());
    return names;
}

class OrtSession final : public Session {
  public:
    OrtSession(const ModelRequest& request, ModelDescription model, Size input);

    [[nodiscard]] const ModelDescription& model() const override { return model_; }
    [[nodiscard]] const std::vector<TensorDesc>& input_descs() const override { return inputs_; }
    [[nodiscard]] const std::vector<TensorDesc>& output_descs() const override { return outputs_; }
    void run(device::StreamRef stream, std::span<const device::Tensor> inputs,
             std::span<const device::Tensor> outputs) override;

  private:
    [[nodiscard]] Ort::Value bind(const device::Tensor& tensor) const;
    void find_inputs(Size input, const std::vector<Port>& ports);
    void find_outputs(const std::vector<Port>& ports);
    void check_states() const;
    [[nodiscard]] Error bad(const std::string& text) const {
        return Error(ErrorCode::bad_input, fmt::format("model {}: {}", model_.path, text));
    }

    ModelDescription model_;
    std::vector<const char*> input_names_;   ///< of model_'s ports
    std::vector<const char*> output_names_;  ///< of model_'s ports
    std::vector<TensorDesc> inputs_;
    std::vector<TensorDesc> outputs_;
    Ort::MemoryInfo memory_{nullptr};
    Ort::Session session_{nullptr};
};

OrtSession::OrtSession(const ModelRequest& request, ModelDescription model, Size input)
    : model_(std::move(model)), input_names_(names_of(model_.inputs)), output_names_(names_of(model_.outputs)) {
    Ort::Env& environment = ort::environment(request.runtime_library);
    const Port& picture = model_.inputs[static_cast<std::size_t>(model_.picture_input)];
    const TensorDesc desc = picture_input_desc(model_, input);
    for (std::size_t axis = 0; axis < desc.shape.size(); ++axis) {
        if (picture.desc.shape[axis] < 0 || picture.desc.shape[axis] == desc.shape[axis]) continue;
        throw bad(fmt::format("input '{}' takes {} only, found pictures that make it {}", picture.name,
                              core::to_string(picture.desc), core::to_string(desc)));
    }
    try {
        memory_ = Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeDefault);
        session_ = ort::open_session(environment, model_.path, session_options(request, picture, desc));
        find_inputs(input, ort::inputs_of(session_, model_.path));
        find_outputs(ort::outputs_of(session_, model_.path));
    } catch (const Ort::Exception& failure) {
        ort::rethrow(failure, fmt::format("model {} does not run on {}", model_.path, core::to_string(desc)),
                     ErrorCode::bad_input);
    }
    check_states();
    const TensorDesc& result = outputs_[static_cast<std::size_t>(model_.result_output)];
    if (model_.output == OutputKind::data) {
        check_data(model_, result);
    } else {
        (void)picture_scale(model_, input, result);
    }
}

/// What the picture's dimensions did not settle by name is settled by place: batch first, a picture's height and width.
void OrtSession::find_inputs(Size input, const std::vector<Port>& ports) {
    for (std::size_t i = 0; i < ports.size(); ++i) {
        TensorDesc desc = ports[i].desc;
        if (i == static_cast<std::size_t>(model_.picture_input)) {
            desc = picture_input_desc(model_, input);
        } else if (is_open(desc)) {
            if (desc.shape.front() < 0) desc.shape.front() = model_.batch;
            if (desc.shape.size() == 4) {
                const Axes axes = picture_axes(model_.layout, 4);
                auto& width = desc.shape[static_cast<std::size_t>(axes.width)];
                auto& height = desc.shape[static_cast<std::size_t>(axes.height)];
                if (width < 0) width = input.width;
                if (height < 0) height = input.height;
            }
        }
        if (is_open(desc)) {
            throw bad(fmt::format(
                "the shape of input '{}' does not follow from the picture's: {}; export the model with fixed "
                "extents there, or named as the picture's are",
                ports[i].name, core::to_string(desc)));
        }
        inputs_.push_back(std::move(desc));
    }
}

void OrtSession::find_outputs(const std::vector<Port>& ports) {
    for (const Port& port : ports) outputs_.push_back(port.desc);
    if (std::ranges::none_of(outputs_, is_open)) return;
    std::vector<std::vector<std::byte>> zeros;
    std::vector<Ort::Value> values;
    for (const TensorDesc& desc : inputs_) {
        std::vector<std::byte>& memory = zeros.emplace_back(desc.byte_count());
        values.push_back(Ort::Value::CreateTensor(memory_, memory.data(), memory.size(), desc.shape.data(),
                                                  desc.shape.size(), ort::element_type(desc.dtype)));
    }
    const std::vector<Ort::Value> results = session_.Run(Ort::RunOptions{nullptr}, input_names_.data(), values.data(),
                                                         values.size(), output_names_.data(), output_names_.size());
    for (std::size_t i = 0; i < outputs_.size(); ++i)
        outputs_[i].shape = results[i].GetTensorTypeAndShapeInfo().GetShape();
}

void OrtSession::check_states() const {
    for (const auto& [from, to] : model_.states) {
        const TensorDesc& in = inputs_[static_cast<std::size_t>(from)];
        const TensorDesc& out = outputs_[static_cast<std::size_t>(to)];
        if (in == out) continue;
        throw bad(fmt::format("state '{}' goes in as {} and comes out of '{}' as {}; expected the same",
                              model_.inputs[static_cast<std::size_t>(from)].name, core::to_string(in),
                              model_.outputs[static_cast<std::size_t>(to)].name, core::to_string(out)));
    }
}

Ort::Value OrtSession::bind(const device::Tensor& tensor) const {
    assert(tensor.device.kind == device::DeviceKind::host);
    return Ort::Value::CreateTensor(memory_, tensor.data, tensor.desc.byte_count(), tensor.desc.shape.data(),
                                    tensor.desc.shape.size(), ort::element_type(tensor.desc.dtype));
}

void OrtSession::run([[maybe_unused]] device::StreamRef stream, std::span<const device::Tensor> inputs,
                     std::span<const device::Tensor> outputs) {
    assert(stream.device.kind == device::DeviceKind::host);
    assert(inputs.size() == inputs_.size() && outputs.size() == outputs_.size());
    try {
        std::vector<Ort::Value> in;
        std::vector<Ort::Value> out;
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            assert(inputs[i].desc == inputs_[i]);
            in.push_back(bind(inputs[i]));
        }
        for (std::size_t i = 0; i < outputs.size(); ++i) {
            assert(outputs[i].desc == outputs_[i]);
            out.push_back(bind(outputs[i]));
        }
        session_.Run(Ort::RunOptions{nullptr}, input_names_.data(), in.data(), in.size(), output_names_.data(),
                     out.data(), out.size());
    } catch (const Ort::Exception& failure) {
        ort::rethrow(failure, fmt::format("model {} failed while running", model_.path), ErrorCode::failed);
    }
}

}  // namespace

std::unique_ptr<Session> make_session(const ModelRequest& request, const ModelDescription& model, Size input) {
    return std::make_unique<OrtSession>(request, model, input);
}

}  // namespace millrace::infer
