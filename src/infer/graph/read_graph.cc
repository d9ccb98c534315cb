#include "infer/graph/read_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <type_traits>
#include <utility>

#include "core/error.h"
#include "core/half.h"
#include "infer/graph/captured.h"

namespace millrace::infer::graph {
namespace {

using core::Error;
using core::ErrorCode;
using Proto = onnx::TensorProto;

float float_of_bfloat(std::uint16_t bits) {
    const std::uint32_t wide = static_cast<std::uint32_t>(bits) << 16U;
    float value = 0;
    std::memcpy(&value, &wide, sizeof(value));
    return value;
}

/// The tensor's values as `To`, from raw bytes that hold `Raw`, or from the field that the type uses otherwise.
template <class Raw, class To, class Field, class Convert>
std::vector<To> values_of(const Proto& tensor, const Field& field, Convert convert) {
    std::vector<To> values;
    const std::string& raw = tensor.raw_data();
    values.reserve(raw.size() / sizeof(Raw) + static_cast<std::size_t>(field.size()));
    for (std::size_t at = 0; at + sizeof(Raw) <= raw.size(); at += sizeof(Raw)) {
        Raw one{};
        std::memcpy(&one, raw.data() + at, sizeof(one));
        values.push_back(convert(one));
    }
    for (const auto one : field) values.push_back(convert(static_cast<Raw>(one)));
    return values;
}

template <class Raw, class Field>
Integers integers_of(const Proto& tensor, const Field& field) {
    return values_of<Raw, std::int64_t>(tensor, field, [](Raw one) { return static_cast<std::int64_t>(one); });
}

template <class Raw, class Field>
Reals reals_of(const Proto& tensor, const Field& field) {
    return values_of<Raw, float>(tensor, field, [](Raw one) { return static_cast<float>(one); });
}

/// No values: of a type that is no number.
std::variant<Reals, Integers> numbers_of(const Proto& tensor) {
    using Bits = std::uint16_t;
    switch (tensor.data_type()) {
        case Proto::FLOAT:
            return reals_of<float>(tensor, tensor.float_data());
        case Proto::DOUBLE:
            return reals_of<double>(tensor, tensor.double_data());
        case Proto::FLOAT16:
            return values_of<Bits, float>(tensor, tensor.int32_data(), core::float_of_half);
        case Proto::BFLOAT16:
            return values_of<Bits, float>(tensor, tensor.int32_data(), float_of_bfloat);
        case Proto::INT64:
            return integers_of<std::int64_t>(tensor, tensor.int64_data());
        case Proto::INT32:
            return integers_of<std::int32_t>(tensor, tensor.int32_data());
        case Proto::INT16:
            return integers_of<std::int16_t>(tensor, tensor.int32_data());
        case Proto::INT8:
            return integers_of<std::int8_t>(tensor, tensor.int32_data());
        case Proto::UINT8:
        case Proto::BOOL:
            return integers_of<std::uint8_t>(tensor, tensor.int32_data());
        case Proto::UINT16:
            return integers_of<std::uint16_t>(tensor, tensor.int32_data());
        case Proto::UINT32:
            return integers_of<std::uint32_t>(tensor, tensor.uint64_data());
        case Proto::UINT64:
            return integers_of<std::uint64_t>(tensor, tensor.uint64_data());
        default:
            return Integers();
    }
}

bool is_number(const Proto& tensor) {
    switch (tensor.data_type()) {
        case Proto::FLOAT:
        case Proto::DOUBLE:
        case Proto::FLOAT16:
        case Proto::BFLOAT16:
        case Proto::INT64:
        case Proto::INT32:
        case Proto::INT16:
        case Proto::INT8:
        case Proto::UINT8:
        case Proto::BOOL:
        case Proto::UINT16:
        case Proto::UINT32:
        case Proto::UINT64:
            return true;
        default:
            return false;
    }
}

class Reader {
  public:
    explicit Reader(const std::string& path) : path_(path) {}

    ModelGraph read(const onnx::ModelProto& model) {
        for (const onnx::OperatorSetIdProto& set : model.opset_import()) {
            if (set.domain().empty() || set.domain() == "ai.onnx") {
                graph_.operator_set = static_cast<int>(set.version());
            }
        }
        for (const Proto& tensor : model.graph().initializer()) {
            if (!is_number(tensor)) continue;
            graph_.constants.emplace(tensor.name(), constant_of(tensor));
            graph_.types.emplace(tensor.name(), tensor.data_type());
        }
        for (const auto& input : model.graph().input()) {
            if (graph_.constants.contains(input.name())) continue;
            graph_.inputs.push_back(port_of(input));
            graph_.types.emplace(input.name(), input.type().tensor_type().elem_type());
        }
        for (const auto& output : model.graph().output()) graph_.outputs.push_back(port_of(output));
        for (const onnx::NodeProto& node : model.graph().node()) add(node);
        return std::move(graph_);
    }

  private:
    [[nodiscard]] Constant constant_of(const Proto& tensor) const {
        Constant constant{Shape(tensor.dims().begin(), tensor.dims().end()), numbers_of(tensor)};
        const auto found = std::visit([](const auto& values) { return values.size(); }, constant.values);
        const auto expected = checked_count(constant.shape);
        if (!expected || found != static_cast<std::size_t>(*expected)) {
            throw Error(ErrorCode::bad_input,
                        fmt::format("model {}: weights '{}' have {} values, expected {}; the file is damaged", path_,
                                    tensor.name(), found, expected ? std::to_string(*expected) : "a possible shape"));
        }
        return constant;
    }

    static GraphPort port_of(const onnx::ValueInfoProto& value) {
        const onnx::TypeProto::Tensor& type = value.type().tensor_type();
        GraphPort port{value.name(), Proto::DataType_Name(static_cast<Proto::DataType>(type.elem_type())), {}};
        if (type.elem_type() == Proto::FLOAT) port.type = "float32";
        if (type.elem_type() == Proto::FLOAT16) port.type = "float16";
        if (!type.has_shape()) return port;
        port.shape.emplace();
        for (const auto& dimension : type.shape().dim()) {
            port.shape->push_back(dimension.has_dim_value() ? dimension.dim_value() : -1);
        }
        return port;
    }

    [[nodiscard]] Attribute attribute_of(const onnx::AttributeProto& attribute) const {
        switch (attribute.type()) {
            case onnx::AttributeProto::INT:
                return attribute.i();
            case onnx::AttributeProto::FLOAT:
                return attribute.f();
            case onnx::AttributeProto::STRING:
                return attribute.s();
            case onnx::AttributeProto::INTS:
                return Integers(attribute.ints().begin(), attribute.ints().end());
            case onnx::AttributeProto::FLOATS:
                return Reals(attribute.floats().begin(), attribute.floats().end());
            case onnx::AttributeProto::TENSOR:
                if (is_number(attribute.t())) return constant_of(attribute.t());
                return std::monostate();
            default:
                return std::monostate();
        }
    }

    void add(const onnx::NodeProto& proto) {
        Node node{proto.name(), proto.op_type(), proto.domain(), {}, {}, {}, {}};
        if (node.domain == "ai.onnx") node.domain.clear();
        if (node.name.empty()) node.name = fmt::format("{}_{}", node.op, graph_.nodes.size());
        while (!names_.insert(node.name).second) node.name += fmt::format("_{}", graph_.nodes.size());
        node.inputs.assign(proto.input().begin(), proto.input().end());
        node.outputs.assign(proto.output().begin(), proto.output().end());
        for (const auto& attribute : proto.attribute()) {
            node.attributes.emplace(attribute.name(), attribute_of(attribute));
        }
        node.captured = captured_names(proto);
        if (node.outputs.size() == 1) note_type(proto);
        graph_.nodes.push_back(std::move(node));
    }

    /// Of what stands in an attribute.
    void note_type(const onnx::NodeProto& proto) {
        if (proto.op_type() != "Constant" && proto.op_type() != "ConstantOfShape") return;
        ElementType type = Proto::FLOAT;
        for (const auto& attribute : proto.attribute()) {
            using Kind = onnx::AttributeProto;
            if (attribute.type() == Kind::INT || attribute.type() == Kind::INTS) type = Proto::INT64;
            if (attribute.type() == Kind::TENSOR) type = attribute.t().data_type();
        }
        graph_.types.emplace(proto.output(0), type);
    }

    const std::string& path_;
    ModelGraph graph_;
    std::set<std::string> names_;
};

}  // namespace

ModelGraph read_graph(const onnx::ModelProto& model, const std::string& path) { return Reader(path).read(model); }

}  // namespace millrace::infer::graph
