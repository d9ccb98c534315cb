#include "infer/fused_models.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

#include "infer/fused/trace.h"
#include "infer/model_fixture.h"
#include "infer/onnxruntime/type_inference.h"
#include "infer/session.h"

namespace millrace::infer::fused {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr auto numbers = "0123456789-";

void set_attribute(onnx::AttributeProto& attribute, const std::string& text) {
    if (text.find_first_of(numbers) != 0) {
        attribute.set_type(onnx::AttributeProto::STRING);
        attribute.set_s(text);
    } else if (text.find('.') != std::string::npos) {
        attribute.set_type(onnx::AttributeProto::FLOAT);
        attribute.set_f(std::stof(text));
    } else if (text.find(',') != std::string::npos) {
        attribute.set_type(onnx::AttributeProto::INTS);
        std::istringstream all(text);
        for (std::string one; std::getline(all, one, ',');) attribute.add_ints(std::stoll(one));
    } else {
        attribute.set_type(onnx::AttributeProto::INT);
        attribute.set_i(std::stoll(text));
    }
}

void declare(onnx::ValueInfoProto& value, const std::string& name, const Shape& shape) {
    value.set_name(name);
    auto& type = *value.mutable_type()->mutable_tensor_type();
    type.set_elem_type(onnx::TensorProto::FLOAT);
    for (std::size_t i = 0; i < shape.size(); ++i) {
        auto& dimension = *type.mutable_shape()->add_dim();
        if (shape[i] < 0) {
            dimension.set_dim_param(name + std::to_string(i));
        } else {
            dimension.set_dim_value(shape[i]);
        }
    }
}

std::vector<Elements> run_with_onnxruntime(const ModelRequest& request, const Shape& shape, const Elements& input) {
    const auto session =
        make_session(request, describe_model(request), {static_cast<int>(shape[3]), static_cast<int>(shape[2])});
    const Tensors inputs = lease_all(session->input_descs());
    Tensors outputs = lease_all(session->output_descs());
    std::ranges::transform(input, inputs.at(0).as<float>(), [](double one) { return static_cast<float>(one); });
    session->run(device::host_stream(), {inputs, outputs});
    std::vector<Elements> results;
    for (const device::Tensor& tensor : outputs) {
        results.emplace_back(tensor.as<float>(), tensor.as<float>() + tensor.desc.element_count());
    }
    return results;
}

double largest_error(const Elements& ours, const Elements& reference) {
    EXPECT_EQ(ours.size(), reference.size());
    if (ours.size() != reference.size()) return infinity;
    double error = 0;
    for (std::size_t i = 0; i < ours.size(); ++i) {
        const double off = std::abs(ours[i] - reference[i]);
        error = std::isnan(off) ? infinity : std::max(error, off);
    }
    return error;
}

}  // namespace

ModelMaker::ModelMaker(const Shape& input, int operator_set) : model_(std::make_unique<onnx::ModelProto>()) {
    model_->set_ir_version(8);
    model_->add_opset_import()->set_version(operator_set);
    model_->mutable_graph()->set_name("test");
    declare(*model_->mutable_graph()->add_input(), "input", input);
}

ModelMaker::~ModelMaker() = default;

std::string ModelMaker::node(const std::string& op, const std::vector<std::string>& inputs,
                             const std::string& attributes) {
    onnx::NodeProto& node = *model_->mutable_graph()->add_node();
    node.set_op_type(op);
    node.set_name(fmt::format("{}{}", op, model_->graph().node_size() - 1));
    for (const std::string& input : inputs) node.add_input(input);
    node.add_output(fmt::format("t{}", names_++));
    std::istringstream words(attributes);
    for (std::string word; words >> word;) {
        onnx::AttributeProto& attribute = *node.add_attribute();
        attribute.set_name(word.substr(0, word.find('=')));
        set_attribute(attribute, word.substr(word.find('=') + 1));
    }
    return node.output(0);
}

std::string ModelMaker::constant(const Shape& shape, const std::vector<float>& values) {
    onnx::TensorProto& tensor = *model_->mutable_graph()->add_initializer();
    tensor.set_name(fmt::format("w{}", names_++));
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    for (const std::int64_t extent : shape) tensor.add_dims(extent);
    for (const float value : values) tensor.add_float_data(value);
    return tensor.name();
}

std::string ModelMaker::integers(const std::vector<std::int64_t>& values) {
    onnx::TensorProto& tensor = *model_->mutable_graph()->add_initializer();
    tensor.set_name(fmt::format("i{}", names_++));
    tensor.set_data_type(onnx::TensorProto::INT64);
    tensor.add_dims(static_cast<std::int64_t>(values.size()));
    for (const std::int64_t value : values) tensor.add_int64_data(value);
    return tensor.name();
}

std::string ModelMaker::scalar_integer(std::int64_t value) {
    std::string name = integers({value});
    model_->mutable_graph()->mutable_initializer()->rbegin()->clear_dims();
    return name;
}

std::string ModelMaker::weights(const Shape& shape, double spread) {
    return weights_between(shape, -2 * spread, 2 * spread);
}

std::string ModelMaker::weights_between(const Shape& shape, double low, double high) {
    std::int64_t count = 1;
    for (const std::int64_t extent : shape) count *= extent;
    std::vector<float> values(static_cast<std::size_t>(count));
    std::uniform_real_distribution<float> distribution(static_cast<float>(low), static_cast<float>(high));
    std::ranges::generate(values, [&] { return distribution(random_); });
    return constant(shape, values);
}

std::string ModelMaker::conv(const std::string& input, int in, int out, int kernel, const std::string& attributes) {
    const std::string filter = weights({out, in, kernel, kernel}, 1 / std::sqrt(1.0 * in * kernel * kernel));
    return node("Conv", {input, filter, weights({out})}, attributes);
}

void ModelMaker::output(const std::string& name, int rank) {
    declare(*model_->mutable_graph()->add_output(), name, Shape(static_cast<std::size_t>(rank), -1));
}

std::string ModelMaker::another_output() {
    std::string name = fmt::format("t{}", names_++);
    model_->mutable_graph()->mutable_node()->rbegin()->add_output(name);
    return name;
}

std::string ModelMaker::bytes() const { return model_->SerializeAsString(); }

std::vector<graph::TensorType> infer_types(const std::string& model) {
    return ort::infer_types(runtime_library(), model);
}

Lowered lower_for(const std::string& model, const Shape& input) {
    return lower(std::as_bytes(std::span(model)), "test.onnx", {{"input", input}}, infer_types);
}

ModelRequest fused_request(const std::string& path, const Shape& shape) {
    ModelRequest request;
    request.path = path;
    request.runtime_library = runtime_library();
    request.batch = static_cast<int>(shape.at(0));
    request.overrides = {{"input.layout", "nchw"}, {"output.kind", "data"}};
    if (shape[1] != 1 && shape[1] != 3) {
        request.overrides["input.color"] = "y";
        const std::int64_t before = shape[1] / 2;
        request.overrides["window"] = fmt::format("{},{}", before, shape[1] - 1 - before);
    }
    return request;
}

double error_of_fused(const std::string& model, const Shape& shape) {
    const Lowered lowered = lower_for(model, shape);
    for (const NodeFate& node : lowered.nodes) EXPECT_EQ(node.reason, "") << node.name;
    EXPECT_NE(lowered.whole(), nullptr);
    if (lowered.whole() == nullptr) return infinity;
    std::int64_t count = 1;
    for (const std::int64_t extent : shape) count *= extent;
    Elements input(static_cast<std::size_t>(count));
    std::mt19937 random(5);
    std::uniform_real_distribution<float> distribution(-1, 1);
    std::ranges::generate(input, [&] { return double{distribution(random)}; });
    const TemporaryFolder folder;
    const ModelRequest request = fused_request(folder.write("model.onnx", model), shape);
    const auto [ours, largest] = run_fused(*lowered.whole(), request, input);
    const auto reference = run_with_onnxruntime(request, shape, input);
    EXPECT_EQ(ours.size(), reference.size());
    double error = 0;
    for (std::size_t i = 0; i < std::min(ours.size(), reference.size()); ++i) {
        error = std::max(error, largest_error(ours[i], reference[i]));
    }
    return error / largest;
}

std::string reason_of(const std::string& model, const Shape& input) {
    std::string reasons;
    for (const NodeFate& node : lower_for(model, input).nodes) {
        if (node.reason == not_worth || node.reason == between) continue;
        if (!node.reason.empty()) reasons += (reasons.empty() ? "" : "; ") + node.reason;
    }
    return reasons;
}

}  // namespace millrace::infer::fused
