#pragma once
// What becomes of each ONNX operator of the standard domain.

#include "infer/fused/trace.h"
#include "infer/graph/model_graph.h"

namespace millrace::infer::fused {

/// Adds the node's layers and gives its outputs, or says why not, with nothing added that anybody reads.
using Lowering = Reason (*)(Trace& trace, const graph::Node& node);

/// nullptr: the operator is not among what is fused.
[[nodiscard]] Lowering find_lowering(const std::string& op);

// convolution.cc
Reason lower_conv(Trace& trace, const graph::Node& node);
Reason lower_conv_transpose(Trace& trace, const graph::Node& node);

// product.cc
Reason lower_gemm(Trace& trace, const graph::Node& node);
Reason lower_mat_mul(Trace& trace, const graph::Node& node);

// activation.cc
Reason lower_relu(Trace& trace, const graph::Node& node);
Reason lower_leaky_relu(Trace& trace, const graph::Node& node);
Reason lower_prelu(Trace& trace, const graph::Node& node);
Reason lower_clip(Trace& trace, const graph::Node& node);
Reason lower_sigmoid(Trace& trace, const graph::Node& node);
Reason lower_tanh(Trace& trace, const graph::Node& node);
Reason lower_hard_sigmoid(Trace& trace, const graph::Node& node);
Reason lower_hard_swish(Trace& trace, const graph::Node& node);
Reason lower_neg(Trace& trace, const graph::Node& node);
Reason lower_abs(Trace& trace, const graph::Node& node);

// arithmetic.cc
Reason lower_add(Trace& trace, const graph::Node& node);
Reason lower_sub(Trace& trace, const graph::Node& node);
Reason lower_sum(Trace& trace, const graph::Node& node);
Reason lower_mul(Trace& trace, const graph::Node& node);
Reason lower_div(Trace& trace, const graph::Node& node);
Reason lower_max(Trace& trace, const graph::Node& node);
Reason lower_min(Trace& trace, const graph::Node& node);
Reason lower_batch_normalization(Trace& trace, const graph::Node& node);

// layout.cc
Reason lower_same(Trace& trace, const graph::Node& node);
Reason lower_dropout(Trace& trace, const graph::Node& node);
Reason lower_cast(Trace& trace, const graph::Node& node);
Reason lower_shape(Trace& trace, const graph::Node& node);
Reason lower_reshape(Trace& trace, const graph::Node& node);
Reason lower_flatten(Trace& trace, const graph::Node& node);
Reason lower_squeeze(Trace& trace, const graph::Node& node);
Reason lower_unsqueeze(Trace& trace, const graph::Node& node);
Reason lower_transpose(Trace& trace, const graph::Node& node);
Reason lower_depth_to_space(Trace& trace, const graph::Node& node);
Reason lower_concat(Trace& trace, const graph::Node& node);

// parts.cc
Reason lower_slice(Trace& trace, const graph::Node& node);
Reason lower_split(Trace& trace, const graph::Node& node);
Reason lower_pad(Trace& trace, const graph::Node& node);
Reason lower_space_to_depth(Trace& trace, const graph::Node& node);
Reason lower_expand(Trace& trace, const graph::Node& node);

// pooling.cc
Reason lower_max_pool(Trace& trace, const graph::Node& node);
Reason lower_average_pool(Trace& trace, const graph::Node& node);
Reason lower_global_max_pool(Trace& trace, const graph::Node& node);
Reason lower_global_average_pool(Trace& trace, const graph::Node& node);
Reason lower_reduce_max(Trace& trace, const graph::Node& node);
Reason lower_reduce_mean(Trace& trace, const graph::Node& node);

// resize.cc
Reason lower_resize(Trace& trace, const graph::Node& node);
Reason lower_upsample(Trace& trace, const graph::Node& node);

}  // namespace millrace::infer::fused
