#pragma once
// How video frames become the tensors of a model, and its results pictures.

#include <cstdint>
#include <optional>
#include <vector>

#include "core/picture_desc.h"
#include "infer/borders.h"
#include "infer/model.h"
#include "ops/spec.h"

namespace millrace::pipeline {

/// What the model's picture input looks like to ops; of planes (yuv) there is nothing to convert.
[[nodiscard]] ops::TensorSpec input_spec(const infer::ModelDescription& model);

/// What its picture output looks like: the input's, without mean and std.
[[nodiscard]] ops::TensorSpec output_spec(const infer::ModelDescription& model);

/// The same for packed pixels, where there are.
[[nodiscard]] ops::TensorSpec packed(ops::TensorSpec spec, const std::optional<infer::PackedPicture>& border);

/// Size of the tensor made of one video frame: the model's input size, or the video's, rounded up to the model's
/// multiple (and to `even`).
enum class Evenness { any, even };
[[nodiscard]] infer::Size frame_size(const infer::ModelDescription& model, infer::Size video, Evenness evenness);

/// A picture tensor's shape without the batch, [C, H, W] or [H, W, C], at another size.
[[nodiscard]] std::vector<std::int64_t> with_size(std::vector<std::int64_t> shape, infer::Layout layout,
                                                  infer::Size size);

/// How a video frame gets that size; nullopt when it has it.
[[nodiscard]] std::optional<ops::ResizeSpec> fit_to(const infer::ModelDescription& model, infer::Size video,
                                                    infer::Size frame);

}  // namespace millrace::pipeline
