#include "infer/fused/operators.h"

#include <map>

namespace millrace::infer::fused {

Lowering find_lowering(const std::string& op) {
    static const std::map<std::string, Lowering> known{
        {"Abs", lower_abs},
        {"Add", lower_add},
        {"AveragePool", lower_average_pool},
        {"BatchNormalization", lower_batch_normalization},
        {"Cast", lower_cast},
        {"Clip", lower_clip},
        {"Concat", lower_concat},
        {"Conv", lower_conv},
        {"ConvTranspose", lower_conv_transpose},
        {"DepthToSpace", lower_depth_to_space},
        {"Div", lower_div},
        {"Dropout", lower_dropout},
        {"Expand", lower_expand},
        {"Flatten", lower_flatten},
        {"Gemm", lower_gemm},
        {"GlobalAveragePool", lower_global_average_pool},
        {"GlobalMaxPool", lower_global_max_pool},
        {"HardSigmoid", lower_hard_sigmoid},
        {"HardSwish", lower_hard_swish},
        {"Identity", lower_same},
        {"LeakyRelu", lower_leaky_relu},
        {"MatMul", lower_mat_mul},
        {"Max", lower_max},
        {"MaxPool", lower_max_pool},
        {"Min", lower_min},
        {"Mul", lower_mul},
        {"Neg", lower_neg},
        {"Pad", lower_pad},
        {"PRelu", lower_prelu},
        {"ReduceMax", lower_reduce_max},
        {"ReduceMean", lower_reduce_mean},
        {"Relu", lower_relu},
        {"Reshape", lower_reshape},
        {"Resize", lower_resize},
        {"Shape", lower_shape},
        {"Sigmoid", lower_sigmoid},
        {"Slice", lower_slice},
        {"SpaceToDepth", lower_space_to_depth},
        {"Split", lower_split},
        {"Squeeze", lower_squeeze},
        {"Sub", lower_sub},
        {"Sum", lower_sum},
        {"Tanh", lower_tanh},
        {"Transpose", lower_transpose},
        {"Unsqueeze", lower_unsqueeze},
        {"Upsample", lower_upsample},
    };
    const auto found = known.find(op);
    return found == known.end() ? nullptr : found->second;
}

}  // namespace millrace::infer::fused
