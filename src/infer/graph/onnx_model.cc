#include "infer/graph/onnx_model.h"

#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <set>

#include "core/error.h"
#include "core/half.h"
#include "infer/graph/captured.h"
#include "infer/graph/model_file.h"
#include "infer/graph/read_graph.h"
#include "infer/graph/weights.h"

namespace millrace::infer::graph {
namespace {

using Proto = onnx::TensorProto;

/// The first version that lets initialisers stand beside the inputs.
constexpr std::int64_t least_ir_version = 4;

void declare(onnx::ValueInfoProto& value, const std::string& name, const TensorType& type) {
    value.set_name(name);
    if (type.element == 0) return;
    onnx::TypeProto::Tensor& tensor = *value.mutable_type()->mutable_tensor_type();
    tensor.set_elem_type(type.element);
    if (!type.shape) return;
    onnx::TensorShapeProto& shape = *tensor.mutable_shape();
    for (const std::int64_t extent : *type.shape) {
        onnx::TensorShapeProto::Dimension& dimension = *shape.add_dim();
        if (extent >= 0) dimension.set_dim_value(extent);
    }
}

void set_values(Proto& tensor, const Reals& values) {
    for (const float value : values) {
        if (tensor.data_type() == Proto::FLOAT) tensor.add_float_data(value);
        if (tensor.data_type() == Proto::DOUBLE) tensor.add_double_data(double{value});
        if (tensor.data_type() == Proto::FLOAT16) tensor.add_int32_data(core::half_of_float(value));
    }
}

void set_values(Proto& tensor, const Integers& values) {
    for (const std::int64_t value : values) {
        if (tensor.data_type() == Proto::INT64) {
            tensor.add_int64_data(value);
        } else if (tensor.data_type() == Proto::UINT32 || tensor.data_type() == Proto::UINT64) {
            tensor.add_uint64_data(static_cast<std::uint64_t>(value));
        } else {
            tensor.add_int32_data(static_cast<std::int32_t>(value));
        }
    }
}

class Cutter {
  public:
    Cutter(const onnx::ModelProto& whole, const Section& section) : whole_(whole), section_(section) {
        part_.set_ir_version(std::max(least_ir_version, whole.ir_version()));
        *part_.mutable_opset_import() = whole.opset_import();
        *part_.mutable_functions() = whole.functions();
        graph_.set_name("part");
    }

    /// "": done; else what a node reads and nobody gives.
    std::string run() {
        for (const auto& [name, type] : section_.inputs) declare(*graph_.add_input(), name, type);
        for (const auto& [name, type] : section_.outputs) declare(*graph_.add_output(), name, type);
        std::set<std::string> given{""};
        for (const std::size_t index : section_.nodes) {
            const onnx::NodeProto& node = whole_.graph().node(static_cast<int>(index));
            *graph_.add_node() = node;
            given.insert(node.output().begin(), node.output().end());
        }
        for (const onnx::NodeProto& node : graph_.node()) {
            std::vector<std::string> names = captured_names(node);
            names.insert(names.end(), node.input().begin(), node.input().end());
            for (const std::string& name : names) {
                if (given.insert(name).second && !bring(name)) return name;
            }
        }
        return "";
    }

    [[nodiscard]] const onnx::ModelProto& part() const { return part_; }

  private:
    bool bring(const std::string& name) {
        if (section_.inputs.contains(name)) return true;
        const auto constant = section_.constants.find(name);
        if (constant != section_.constants.end()) {
            bring(name, constant->second);
            return true;
        }
        for (const Proto& tensor : whole_.graph().initializer()) {
            if (tensor.name() != name) continue;
            bring(tensor);
            return true;
        }
        for (const onnx::SparseTensorProto& tensor : whole_.graph().sparse_initializer()) {
            if (tensor.values().name() != name) continue;
            *graph_.add_sparse_initializer() = tensor;
            return true;
        }
        return false;
    }

    void bring(const std::string& name, const TypedConstant& from) {
        if (count_of(from.constant.shape) > section_.most_values) {
            return declare(*graph_.add_input(), name, {from.type, from.constant.shape});
        }
        Proto& tensor = *graph_.add_initializer();
        tensor.set_name(name);
        tensor.set_data_type(from.type);
        for (const std::int64_t extent : from.constant.shape) tensor.add_dims(extent);
        std::visit([&](const auto& values) { set_values(tensor, values); }, from.constant.values);
    }

    void bring(const Proto& tensor) {
        const Shape shape(tensor.dims().begin(), tensor.dims().end());
        if (count_of(shape) > section_.most_values) {
            return declare(*graph_.add_input(), tensor.name(), {tensor.data_type(), shape});
        }
        *graph_.add_initializer() = tensor;
    }

    const onnx::ModelProto& whole_;
    const Section& section_;
    onnx::ModelProto part_;
    onnx::GraphProto& graph_ = *part_.mutable_graph();
};

}  // namespace

OnnxModel::OnnxModel(std::span<const std::byte> bytes, std::string path)
    : path_(std::move(path)), model_(std::make_unique<onnx::ModelProto>()) {
    const bool fits = bytes.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max());
    if (!fits || !model_->ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || !model_->has_graph()) {
        throw bad_model(path_, "not an ONNX file");
    }
    embed_external_data(*model_, path_);
}

OnnxModel::~OnnxModel() = default;

ModelGraph OnnxModel::graph() const { return read_graph(*model_, path_); }

std::string OnnxModel::cut(const Section& section) const {
    Cutter cutter(*model_, section);
    if (const std::string missing = cutter.run(); !missing.empty()) {
        throw bad_model(path_, fmt::format("a node reads '{}', which no node before it gives", missing));
    }
    if (cutter.part().ByteSizeLong() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
        throw bad_model(path_, "a part of it for ONNX Runtime exceeds 2 GiB, ONNX's limit for a model in one piece");
    }
    return cutter.part().SerializeAsString();
}

}  // namespace millrace::infer::graph
