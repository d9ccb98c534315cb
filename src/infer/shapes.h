#pragma once
// Shapes of picture and data tensors, as a model description makes them.

#include <cstddef>

#include "core/tensor_desc.h"
#include "infer/model.h"

namespace millrace::infer {

/// Axes of a port's shape under a description: where batch, time, channels, height and width are; -1: not there.
struct Axes {
    int batch = 0;
    int time = -1;
    int channels = 1;
    int height = 2;
    int width = 3;
};

/// Axes of a picture tensor of `rank` 4, or 5 with time after batch.
[[nodiscard]] Axes picture_axes(Layout layout, std::size_t rank);

/// Channels of one frame: 3, or 1 for luma. Planes (yuv) have none.
[[nodiscard]] int frame_channels(const ModelDescription& model);

/// The shape that the session's picture input has for pictures of `size`: batch, frames and channels from `model`. Of
/// planes (yuv) it is that of the video.
[[nodiscard]] core::TensorDesc picture_input_desc(const ModelDescription& model, Size size);

/// `batch` frames of planes (yuv, asserted), as a script is handed or gives them.
[[nodiscard]] core::TensorDesc planes_batch_desc(const ModelDescription& model);

/// Checks that a data output can be told apart by frame and has one value for each label. Throws Error(bad_input).
void check_data(const ModelDescription& model, const core::TensorDesc& output);

/// The integer factor of a picture output against its input, in both axes. Throws Error(bad_input) that names expected
/// and found when it is not one, or the batch or channels do not fit.
[[nodiscard]] int picture_scale(const ModelDescription& model, Size input, const core::TensorDesc& output);

}  // namespace millrace::infer
