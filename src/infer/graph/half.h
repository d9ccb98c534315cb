#pragma once
// A float32 model with float16 inside.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace millrace::infer::graph {

/// An ONNX model with the same inputs and outputs as its original, names, types and metadata.
struct HalfModel {
    std::string bytes;   ///< a ModelProto that needs no other file; empty where half_nodes is 0
    int half_nodes = 0;  ///< that compute in float16 now; 0: the model has none that can
    int all_nodes = 0;   ///< of the original
    /// What is not exactly as it was beyond the rounding of weights, a sentence each without a full stop.
    std::vector<std::string> notes;
};

/// Rewrites `model`, the bytes of an ONNX file, so that convolutions, matrix products and what lies behind them compute
/// in float16, with weights rounded to it. Inputs and outputs stay as they are: casts stand where float16 begins and
/// ends. Nodes that have no float16 version everywhere, or whose values float16 cannot tell apart (sums, exponentials,
/// comparisons, shapes, indices), nodes with subgraphs and operators that this does not know stay in float32.
///
/// `path` is the file's, for messages and for external data, which lie beside it. Throws Error(bad_input): the bytes
/// are not an ONNX model, it is quantised, is older than operator set 7, external data are missing or too short, or the
/// result exceeds 2 GiB, ONNX's limit for a model in one piece.
[[nodiscard]] HalfModel to_half(std::span<const std::byte> model, const std::string& path);

/// The same of the file itself. Throws Error(bad_input), also where it cannot be read.
[[nodiscard]] HalfModel file_to_half(const std::string& path);

}  // namespace millrace::infer::graph
