#pragma once
// Whether a model that runs in another way still gives what it gave.

#include <cstddef>
#include <map>
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
    /// 50 dB of PSNR or more of a picture; of a classifier the same highest value on 99.5 % of the samples or more; of
    /// other data, and of whatever else a classifier gives, no value off by more than 1 % of the largest.
    bool close = false;
    std::string text;  ///< "62.3 dB of PSNR against fp32 on 4 frames"
    /// The same as numbers: "decibels" (of a picture that is not equal), "error" (share of the largest value), "same"
    /// and "samples" (of a classifier).
    std::map<std::string, double> numbers;
};

/// Whether a model gives a score for each of several classes: data [N, classes].
[[nodiscard]] bool is_classifier(const ModelDescription& model);

/// `against`: what is compared with, on what: "fp32 on 4 frames". Both have as many results, which are of one sample or
/// of a batch each.
[[nodiscard]] Verdict judge(const ModelDescription& model, std::span<const Results> expected,
                            std::span<const Results> found, const std::string& against);

}  // namespace millrace::infer
