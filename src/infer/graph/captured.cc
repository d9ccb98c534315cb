#include "infer/graph/captured.h"

#include <set>

namespace millrace::infer::graph {
namespace {

using Names = std::set<std::string>;

void add_captured(const onnx::NodeProto& node, const Names& inner, Names& captured);

/// `inner`: what subgraphs around this one define.
void add_captured(const onnx::GraphProto& graph, Names inner, Names& captured) {
    const auto read = [&](const std::string& name) {
        if (!name.empty() && !inner.contains(name)) captured.insert(name);
    };
    for (const auto& value : graph.input()) inner.insert(value.name());
    for (const auto& tensor : graph.initializer()) inner.insert(tensor.name());
    for (const auto& tensor : graph.sparse_initializer()) inner.insert(tensor.values().name());
    for (const onnx::NodeProto& node : graph.node()) {
        for (const std::string& name : node.input()) read(name);
        add_captured(node, inner, captured);
        inner.insert(node.output().begin(), node.output().end());
    }
    for (const auto& value : graph.output()) read(value.name());
}

void add_captured(const onnx::NodeProto& node, const Names& inner, Names& captured) {
    for (const onnx::AttributeProto& attribute : node.attribute()) {
        if (attribute.has_g()) add_captured(attribute.g(), inner, captured);
        for (const onnx::GraphProto& graph : attribute.graphs()) add_captured(graph, inner, captured);
    }
}

}  // namespace

std::vector<std::string> captured_names(const onnx::NodeProto& node) {
    Names captured;
    add_captured(node, {}, captured);
    return {captured.begin(), captured.end()};
}

}  // namespace millrace::infer::graph
