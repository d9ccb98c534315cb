#pragma once
// Whether a model that runs in another way still gives what it gave.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "infer/model.h"

namespace millrace::infer {

/// The values of all outputs, in the order of the model's ports; outputs that are not floats are left empty. Of one
/// sample, or of a batch.
using Results = std::vector<std::vector<float>>;

/// `count` values of `desc`'s type from `data` on the host, as float32; empty where they are not floats.
[[nodiscard]] std::vector<float> floats_of(const core::TensorDesc& desc, const std::byte* data, std::size_t count);

/// How far one way of running is from the other.
struct Verdict {
    bool close = false;  ///< 40 dB of PSNR or more of a picture; of data no value off by more than 1 % of the largest
    std::string text;    ///< "62.3 dB of PSNR against fp32 on 4 frames"
};

/// `against`: what is compared with, on what: "fp32 on 4 frames". Both have as many results.
[[nodiscard]] Verdict judge(const ModelDescription& model, std::span<const Results> expected,
                            std::span<const Results> found, const std::string& against);

}  // namespace millrace::infer
