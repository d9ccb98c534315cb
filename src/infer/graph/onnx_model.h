#pragma once
// An ONNX model in memory, to be read and to be cut into pieces.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "infer/graph/model_graph.h"

namespace onnx {
class ModelProto;
}  // namespace onnx

namespace millrace::infer::graph {

/// A constant with the type that the model has it in.
struct TypedConstant {
    ElementType type = 0;
    Constant constant;
};

/// Some of a model's nodes. What they read is made by them, stands in `inputs` or `constants`, or is an initialiser of
/// the file; looked for in this order.
struct Section {
    std::vector<std::size_t> nodes;            ///< of ModelGraph::nodes, ascending
    std::map<std::string, TensorType> inputs;  ///< with known types
    std::map<std::string, TypedConstant> constants;
    std::vector<std::pair<std::string, TensorType>> outputs;  ///< in any state of knowledge
    /// Initialisers with more values than this become inputs: for those who ask about types and shapes only.
    std::int64_t most_values = std::numeric_limits<std::int64_t>::max();
};

class OnnxModel {
  public:
    /// Reads the bytes of an ONNX file. `path` is the file's, for messages and for external data, which lie beside it.
    /// Throws Error(bad_input): not an ONNX model, or weights are missing.
    OnnxModel(std::span<const std::byte> bytes, std::string path);
    ~OnnxModel();
    OnnxModel(const OnnxModel&) = delete;
    OnnxModel& operator=(const OnnxModel&) = delete;
    OnnxModel(OnnxModel&&) = delete;
    OnnxModel& operator=(OnnxModel&&) = delete;

    /// Throws Error(bad_input): weights are not what their shapes say.
    [[nodiscard]] ModelGraph graph() const;

    /// The bytes of a model of its own that needs no other file: inputs and outputs in the section's order, with the
    /// operator sets and the functions of the whole. Throws Error(bad_input): a node reads what is nowhere, or the
    /// piece exceeds 2 GiB, ONNX's limit for a model in one piece.
    [[nodiscard]] std::string cut(const Section& section) const;

  private:
    std::string path_;
    std::unique_ptr<onnx::ModelProto> model_;
};

}  // namespace millrace::infer::graph
