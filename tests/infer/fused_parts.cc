#include "infer/fused_parts.h"

#include <gtest/gtest.h>
#include <onnxruntime_cxx_api.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <span>

#include "infer/model_fixture.h"
#include "infer/onnxruntime/runtime.h"

namespace millrace::infer::fused {
namespace {

constexpr graph::ElementType float32 = 1;
constexpr graph::ElementType int64 = 7;

template <class T>
Ort::Value tensor_of(const Held& held) {
    Ort::AllocatorWithDefaultOptions allocator;
    const Shape& shape = held.type.shape.value();
    Ort::Value value = Ort::Value::CreateTensor<T>(allocator, shape.data(), shape.size());
    std::ranges::transform(held.elements, value.GetTensorMutableData<T>(),
                           [](double one) { return static_cast<T>(one); });
    return value;
}

Held held_of(const Ort::Value& value) {
    const auto info = value.GetTensorTypeAndShapeInfo();
    Held held{{static_cast<graph::ElementType>(info.GetElementType()), info.GetShape()}, {}};
    const std::size_t count = info.GetElementCount();
    if (held.type.element == float32) {
        const auto* data = value.GetTensorData<float>();
        held.elements.assign(data, data + count);
    } else if (held.type.element == int64) {
        const auto* data = value.GetTensorData<std::int64_t>();
        std::transform(data, data + count, std::back_inserter(held.elements),
                       [](std::int64_t one) { return static_cast<double>(one); });
    } else {
        ADD_FAILURE() << "a tensor of type " << held.type.element;
    }
    return held;
}

HeldByName interpreted(const Part& part, const Net& net, PartsResult& result) {
    std::vector<Elements> inputs;
    for (const PartPort& port : part.inputs) inputs.push_back(result.values.at(port.name).elements);
    const auto [outputs, largest] = interpret(net, inputs);
    result.largest = std::max(result.largest, largest);
    HeldByName made;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
        made[part.outputs.at(i).name] = {part.outputs[i].type, outputs[i]};
    }
    return made;
}

void expect_inputs(const Part& part, const HeldByName& known) {
    for (const PartPort& port : part.inputs) {
        ASSERT_TRUE(known.contains(port.name)) << port.name;
        EXPECT_EQ(known.at(port.name).type, port.type) << port.name;
    }
}

}  // namespace

HeldByName run_on_cpu(const std::string& model, const HeldByName& inputs) {
    Ort::Env& env = ort::environment(runtime_library());
    Ort::SessionOptions options;
    options.SetIntraOpNumThreads(1);
    Ort::Session session(env, model.data(), model.size(), options);
    Ort::AllocatorWithDefaultOptions allocator;
    std::vector<std::string> names;
    std::vector<Ort::Value> values;
    for (std::size_t i = 0; i < session.GetInputCount(); ++i) {
        names.emplace_back(session.GetInputNameAllocated(i, allocator).get());
        const Held& held = inputs.at(names.back());
        values.push_back(held.type.element == int64 ? tensor_of<std::int64_t>(held) : tensor_of<float>(held));
    }
    for (std::size_t i = 0; i < session.GetOutputCount(); ++i) {
        names.emplace_back(session.GetOutputNameAllocated(i, allocator).get());
    }
    std::vector<const char*> all;
    for (const std::string& name : names) all.push_back(name.c_str());
    const auto results = session.Run(Ort::RunOptions{nullptr}, all.data(), values.data(), values.size(),
                                     all.data() + values.size(), session.GetOutputCount());
    HeldByName outputs;
    for (std::size_t i = 0; i < results.size(); ++i) outputs[names[values.size() + i]] = held_of(results[i]);
    return outputs;
}

PartsResult run_parts(const Lowered& lowered, const HeldByName& inputs) {
    PartsResult result{inputs, 1};
    for (const Part& part : lowered.parts) {
        expect_inputs(part, result.values);
        if (testing::Test::HasFatalFailure()) return result;
        const auto* net = std::get_if<Net>(&part.body);
        const HeldByName made = net != nullptr ? interpreted(part, *net, result)
                                               : run_on_cpu(std::get<std::string>(part.body), result.values);
        EXPECT_EQ(made.size(), part.outputs.size());
        for (const PartPort& port : part.outputs) {
            EXPECT_TRUE(made.contains(port.name)) << port.name;
            EXPECT_TRUE(result.values.emplace(port.name, made.at(port.name)).second) << port.name << " is given twice";
        }
    }
    for (const NodeFate& node : lowered.nodes) {
        EXPECT_LT(node.part, std::ssize(lowered.parts)) << node.name;
        if (node.part < 0) continue;
        const Part& part = lowered.parts[static_cast<std::size_t>(node.part)];
        EXPECT_EQ(part.is_fused(), node.reason.empty()) << node.name;
        EXPECT_EQ(part.is_fused(), !node.layer.empty()) << node.name;
    }
    return result;
}

Lowered cut_for(const std::string& model, const Shape& input, double least_work) {
    return lower(std::as_bytes(std::span(model)), "test.onnx", {{"input", input}}, infer_types, least_work);
}

double error_of_parts(const std::string& model, const Shape& shape, double least_work) {
    std::int64_t count = 1;
    for (const std::int64_t extent : shape) count *= extent;
    Held input;
    input.type.element = float32;
    input.type.shape = shape;
    input.elements.resize(static_cast<std::size_t>(count));
    std::mt19937 random(5);
    std::uniform_real_distribution<float> distribution(-1, 1);
    std::ranges::generate(input.elements, [&] { return double{distribution(random)}; });
    const HeldByName inputs{{"input", input}};
    Lowered lowered = cut_for(model, shape, least_work);
    if (lowered.parts.empty()) return 0;
    const double largest = run_parts(lowered, inputs).largest;
    const TemporaryFolder folder;
    const ModelRequest request = fused_request(folder.write("model.onnx", model), shape);
    const HeldByName found = run_lowered(lowered, request, inputs);
    double error = 0;
    for (const auto& [name, expected] : run_on_cpu(model, inputs)) {
        const auto ours = found.find(name);
        if (ours == found.end() || ours->second.type != expected.type ||
            ours->second.elements.size() != expected.elements.size()) {
            ADD_FAILURE() << name << (ours == found.end() ? " is missing" : " is of another type");
            return std::numeric_limits<double>::infinity();
        }
        for (std::size_t i = 0; i < expected.elements.size(); ++i) {
            const double off = std::abs(ours->second.elements[i] - expected.elements[i]);
            error = std::isnan(off) ? std::numeric_limits<double>::infinity() : std::max(error, off);
        }
    }
    return error / largest;
}

std::string parts_of(const Lowered& lowered) {
    std::string text;
    for (int part = 0; part < std::ssize(lowered.parts); ++part) {
        text += part > 0 ? " |" : "";
        for (const NodeFate& node : lowered.nodes) {
            if (node.part == part) text += (text.empty() ? "" : " ") + node.name;
        }
    }
    return text;
}

}  // namespace millrace::infer::fused
