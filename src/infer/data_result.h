#pragma once
// What a data model said about one frame, as a line of JSON.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "device/tensor.h"
#include "infer/frame_stamp.h"
#include "infer/model.h"

namespace millrace::infer {

/// A line without its newline.
struct DataLine {
    std::string text;
    std::int64_t nan_count = 0;  ///< values that are NaN or infinite, which JSON lacks: each is written as null
};

/// The results of entry `slot` of a batch. `outputs`: all of the session's, on the host. Keys in this order: frame;
/// pts and seconds, null for no_pts; of text only result, as the session wrote it; else labels, where the model has
/// some: up to five of [{"label", "score"}], highest first, equal scores in the labels' order, NaN and infinities left
/// out; shape and values (flat, row-major) of the result output; outputs, where there are more (states left out):
/// {name: {"shape", "values"}}. Numbers have the fewest digits that give back the same value of the output's type.
/// Thread-safe.
[[nodiscard]] DataLine format_data(const ModelDescription& model, std::span<const device::Tensor> outputs, int slot,
                                   const FrameStamp& stamp);

/// The line of a script that said `result`, JSON, of a frame. Thread-safe.
[[nodiscard]] std::string text_line(const FrameStamp& stamp, std::string_view result);

}  // namespace millrace::infer
