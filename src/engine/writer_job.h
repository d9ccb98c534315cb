#pragma once
// Video that somebody's program makes: what it hands over, and what is to become of it.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/rational.h"
#include "core/tensor_desc.h"
#include "media/encoder.h"
#include "millrace/job.h"
#include "ops/spec.h"
#include "pipeline/job.h"
#include "pipeline/journal.h"

namespace millrace::engine {

/// Throws Error(usage): of a declaration, or of frames that do not fit it.
[[noreturn]] void refuse(const std::string& message);

/// One frame as it is handed over: [C, H, W] or [H, W, C], compact.
struct FrameSpec {
    int width = 0;
    int height = 0;
    core::DType dtype = core::DType::float32;  ///< float32, float16 or uint8
    ops::Layout layout = ops::Layout::nchw;
    ops::Channels channels = ops::Channels::rgb;  ///< rgb, bgr or luma
    float white = 1.0F;

    [[nodiscard]] core::TensorDesc tensor() const;
};

struct WriterJob {
    Job job;  ///< output, run and work folder; of the input the names of colours, which are the output's
    FrameSpec frames;
    core::Rational frame_rate{25, 1};
    /// Of the times that come with the frames. nullopt: frames come without, at the frame rate.
    std::optional<core::Rational> time_base;
    std::string primaries;  ///< FFmpeg's name, or a number of H.273; empty: unspecified
    std::string transfer;
    pipeline::Identity made_by;  ///< what the frames come of, where the engine knows; another one is another job
};

/// Everything decided; nothing is written yet.
struct PreparedWriter {
    pipeline::ResolvedJob job;
    std::int64_t segment_frames = 0;
    std::int64_t pictures = 0;  ///< that may wait for encoders at once
    std::vector<std::string> fallbacks;
    std::vector<std::string> notes;
};

/// Throws Error(usage) for what contradicts itself, the output file or the machine, Error(failed) for a folder that
/// cannot be written to, Error(refused) for a fallback under --strict.
[[nodiscard]] PreparedWriter prepare_writer(const WriterJob& writer);

}  // namespace millrace::engine
