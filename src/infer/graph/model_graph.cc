#include "infer/graph/model_graph.h"

#include <algorithm>

namespace millrace::infer::graph {
namespace {

template <class T>
T attribute_or(const Node& node, const std::string& name, const T& missing) {
    const auto found = node.attributes.find(name);
    const T* value = found == node.attributes.end() ? nullptr : std::get_if<T>(&found->second);
    return value == nullptr ? missing : *value;
}

}  // namespace

bool TensorType::is_known() const {
    return element != 0 && shape && std::ranges::all_of(*shape, [](std::int64_t extent) { return extent >= 0; });
}

std::int64_t count_of(const Shape& shape) {
    std::int64_t count = 1;
    for (const std::int64_t extent : shape) count *= extent;
    return count;
}

std::optional<std::int64_t> checked_count(const Shape& shape) {
    constexpr std::int64_t most = std::int64_t{1} << 40;
    std::int64_t count = 1;
    for (const std::int64_t extent : shape) {
        if (extent < 0 || (extent > 0 && count > most / extent)) return std::nullopt;
        count *= extent;
    }
    return count;
}

std::int64_t Node::integer(const std::string& attribute, std::int64_t missing) const {
    return attribute_or(*this, attribute, missing);
}

float Node::real(const std::string& attribute, float missing) const { return attribute_or(*this, attribute, missing); }

std::string Node::text(const std::string& attribute, const std::string& missing) const {
    return attribute_or(*this, attribute, missing);
}

Integers Node::integers(const std::string& attribute, const Integers& missing) const {
    return attribute_or(*this, attribute, missing);
}

const std::string& Node::input(std::size_t index) const {
    static const std::string none;
    return index < inputs.size() ? inputs[index] : none;
}

}  // namespace millrace::infer::graph
