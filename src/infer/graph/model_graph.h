#pragma once
// What an ONNX file computes, in plain structures: for passes that read a model rather than rewrite it.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace millrace::infer::graph {

using Shape = std::vector<std::int64_t>;
using Reals = std::vector<float>;
using Integers = std::vector<std::int64_t>;

/// 1 for no dimensions.
[[nodiscard]] std::int64_t count_of(const Shape& shape);

/// The same of dimensions that come from a file; nullopt: some are negative, or the product exceeds 2^40.
[[nodiscard]] std::optional<std::int64_t> checked_count(const Shape& shape);

/// ONNX's number of a type (onnx::TensorProto::DataType); 0: not known.
using ElementType = int;

/// What is known of a tensor; dimensions of -1 are not. nullopt: not even their number is.
struct TensorType {
    ElementType element = 0;
    std::optional<Shape> shape;

    /// Type and all of the shape.
    [[nodiscard]] bool is_known() const;
    friend bool operator==(const TensorType&, const TensorType&) = default;
};

/// A tensor that stands in the file, row-major. Reals: of any floating type, as float32; integers: of any other, also
/// bool.
struct Constant {
    Shape shape;
    std::variant<Reals, Integers> values;

    [[nodiscard]] bool is_real() const { return std::holds_alternative<Reals>(values); }
    [[nodiscard]] const Reals& reals() const { return std::get<Reals>(values); }
    [[nodiscard]] const Integers& integers() const { return std::get<Integers>(values); }
};

/// Of other kinds (subgraphs, types) nothing is kept but that they are there.
using Attribute = std::variant<std::monostate, std::int64_t, float, std::string, Integers, Reals, Constant>;

struct Node {
    std::string name;  ///< never empty and never twice: made of operator and number where the file has none
    std::string op;
    std::string domain;                ///< "": the standard one
    std::vector<std::string> inputs;   ///< "": left out
    std::vector<std::string> outputs;  ///< as inputs
    std::map<std::string, Attribute> attributes;
    std::vector<std::string> captured;  ///< what its subgraphs read of the graph around them

    [[nodiscard]] bool has(const std::string& attribute) const { return attributes.contains(attribute); }
    /// Also where it has another type than asked for: `missing`.
    [[nodiscard]] std::int64_t integer(const std::string& attribute, std::int64_t missing) const;
    [[nodiscard]] float real(const std::string& attribute, float missing) const;
    [[nodiscard]] std::string text(const std::string& attribute, const std::string& missing) const;
    [[nodiscard]] Integers integers(const std::string& attribute, const Integers& missing) const;
    /// "": fewer inputs than that.
    [[nodiscard]] const std::string& input(std::size_t index) const;
};

/// An input that needs a value in each run, or an output.
struct GraphPort {
    std::string name;
    std::string type;            ///< "float32", "float16", or ONNX's own word ("UINT8")
    std::optional<Shape> shape;  ///< -1: dynamic; nullopt: not even the rank is known
};

struct ModelGraph {
    int operator_set = 0;  ///< of the standard domain
    std::vector<Node> nodes;
    std::map<std::string, Constant> constants;
    /// Of inputs and constants, also of those that Constant and ConstantOfShape give.
    std::map<std::string, ElementType> types;
    std::vector<GraphPort> inputs;
    std::vector<GraphPort> outputs;
};

}  // namespace millrace::infer::graph
