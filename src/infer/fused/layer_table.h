#pragma once
// What becomes of a model's nodes, layer by layer, and what each layer has to compute and to move.

#include <map>
#include <string>
#include <vector>

#include "infer/fused/lower.h"
#include "infer/fused/net.h"
#include "infer/model.h"

namespace millrace::infer::fused {

/// Of one run of a layer. operations: multiplications and additions of its products, two for each pair of a weight and
/// a value; what follows them is not counted. bytes: what it reads and writes at least, in float16: its inputs,
/// weights, constants and output once each, without the channels that memory pads them with.
struct LayerWork {
    double operations = 0;
    double bytes = 0;
};

[[nodiscard]] LayerWork work_of(const Net& net, const Layer& layer);

/// One layer, or one node that none computes.
struct LayerRow {
    std::string name;
    std::vector<std::string> operators;  ///< of its nodes, in the model's order
    std::string reason;                  ///< why it is not fused, a sentence without a full stop; "": it is
    LayerWork work;                      ///< of a fused one
};

struct LayerTable {
    std::vector<LayerRow> rows;         ///< in the model's order
    std::map<std::string, int> folded;  ///< operators that are folded into constants or left out, and how many
};

[[nodiscard]] LayerTable layer_table(const Lowered& lowered);

/// What lower() makes of a model's file for pictures of `input` size; ONNX Runtime says what it does not know of types.
/// Throws what lower() throws, Error(failed) that
/// says so where the model has ports that fused layers have not.
[[nodiscard]] Lowered lower_model(const ModelDescription& model, Size input, const std::string& runtime_library);

}  // namespace millrace::infer::fused
