#pragma once
// What a data model said about one frame, as a line of JSON.

#include <cstdint>
#include <span>
#include <string>

#include "core/rational.h"
#include "device/tensor.h"
#include "infer/model.h"

namespace millrace::infer {

/// Which frame it was.
struct FrameStamp {
    std::int64_t frame = 0;           ///< counted from 0 in order of presentation
    std::int64_t pts = core::no_pts;  ///< in the stream's time base; no_pts is written as null
    double seconds = 0;               ///< of the pts; written with the pts only
};

/// A line without its newline.
struct DataLine {
    std::string text;
    std::int64_t nan_count = 0;  ///< values that are NaN or infinite, which JSON lacks: each is written as null
};

/// The results of entry `slot` of a batch. `outputs`: all of the session's, on the host. Keys in this order: frame,
/// pts, seconds; labels, where the model has some: up to five of [{"label", "score"}], highest first, equal scores in
/// the labels' order, NaN and infinities left out; shape and values (flat, row-major) of the result output; outputs,
/// where there are more (states left out): {name: {"shape", "values"}}. Numbers have the fewest digits that give back
/// the same value of the output's type. Thread-safe.
[[nodiscard]] DataLine format_data(const ModelDescription& model, std::span<const device::Tensor> outputs, int slot,
                                   const FrameStamp& stamp);

}  // namespace millrace::infer
