#include "infer/fused/operators.h"

#include <map>

namespace millrace::infer::fused {

Lowering find_lowering(const std::string& op) {
    static const std::map<std::string, Lowering> known{
        {"Abs", lower_abs},
        {"Add", lower_add},
        {"BatchNormalization", lower_batch_normalization},
        {"Cast", lower_cast},
        {"Clip", lower_clip},
        {"Concat", lower_concat},
        {"Conv", lower_conv},
        {"ConvTranspose", lower_conv_transpose},
        {"DepthToSpace", lower_depth_to_space},
        {"Div", lower_div},
        {"Dropout", lower_dropout},
        {"Flatten", lower_flatten},
        {"HardSigmoid", lower_hard_sigmoid},
        {"HardSwish", lower_hard_swish},
        {"Identity", lower_same},
        {"LeakyRelu", lower_leaky_relu},
        {"Max", lower_max},
        {"Min", lower_min},
        {"Mul", lower_mul},
        {"Neg", lower_neg},
        {"PRelu", lower_prelu},
        {"Relu", lower_relu},
        {"Reshape", lower_reshape},
        {"Shape", lower_shape},
        {"Sigmoid", lower_sigmoid},
        {"Squeeze", lower_squeeze},
        {"Sub", lower_sub},
        {"Tanh", lower_tanh},
        {"Transpose", lower_transpose},
        {"Unsqueeze", lower_unsqueeze},
    };
    const auto found = known.find(op);
    return found == known.end() ? nullptr : found->second;
}

}  // namespace millrace::infer::fused
