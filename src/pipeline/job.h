#pragma once
// A job as the pipeline runs it: everything decided, and the backends that do the work.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "device/device.h"
#include "infer/model.h"
#include "infer/session.h"
#include "media/encoder.h"
#include "media/frame_reader.h"
#include "media/index.h"
#include "media/sink.h"
#include "pipeline/journal.h"
#include "pipeline/plan.h"

namespace millrace::pipeline {

enum class CorruptPolicy { conceal, drop, fail };

/// What to do when the output cannot hold something of the input (attachments in MP4).
enum class LossPolicy { report, refuse };

/// What the input is, and which of its frames are worked on.
struct InputPlan {
    media::StreamInfo video;
    std::shared_ptr<const media::PacketIndex> index;
    std::vector<Segment> segments;
    std::optional<std::int64_t> frame_limit;  ///< where the index cannot say: stop after so many
    CorruptPolicy on_corrupt = CorruptPolicy::conceal;
    std::optional<core::PixelFormat> decoded_format;  ///< of decoded pictures, where it is not the stream's own
};

/// The model, and how its frames get in and out.
struct ModelPlan {
    infer::ModelDescription model;
    infer::Size frame;              ///< the tensor made of one video frame, before tiling
    infer::Size input;              ///< what the session takes: `frame`, or a tile
    int scale = 1;                  ///< of a picture output
    int rate = 1;                   ///< pictures that are made of each frame
    bool splits_batches = false;    ///< no run has frames of two segments
    int workers = 1;                ///< runs at once
    infer::Borders borders;         ///< how frames go in and results come out, where not as the session's descs say
    std::size_t result_memory = 0;  ///< bytes of the device's memory for results, on a GPU
    std::chrono::milliseconds batch_timeout{50};
};

/// Of the model's runs, and those that are gathered for the next.
[[nodiscard]] inline int batches_in_flight(const ModelPlan& plan) { return plan.workers + 2; }

/// Video out. `sink` writes to a file that `final_path` replaces; the paths are equal for standard output.
struct VideoPlan {
    media::EncoderSettings encoder;
    media::SinkOptions sink;
    media::CopyOptions copy;
    std::int64_t pts_shift = 0;  ///< subtracted from every pts, in the time base of the encoder's input
};

/// Limits that change no bit.
struct Limits {
    std::size_t memory = std::size_t{1} << 30U;  ///< bytes of tensors and pictures in flight
    int lanes = 2;                               ///< segments in work at once, at most
    int first_lanes = 1;                         ///< how many the run begins with
    int cores = 2;
    int encoders = 0;  ///< open at once, at most; 0: one a lane
    /// Frames that wait for a segment's encoder. Few: what waits is memory, and a lane that runs ahead gains nothing.
    std::int64_t frames_waiting = 3;
};

struct ResolvedJob {
    InputPlan input;
    std::optional<ModelPlan> model;
    /// Where the model runs, and its tensors and pictures are: on each, with segments shared out. The host without one.
    std::vector<device::DeviceId> devices{device::DeviceId{}};
    int replay_from = 0;             ///< of a sequential model: its state is that before this segment
    std::optional<VideoPlan> video;  ///< none: lines of data
    std::string output;              ///< final path, or "-"
    std::string work_folder;
    Identity identity;
    OldJournal old_journal = OldJournal::resume;
    LossPolicy on_loss = LossPolicy::report;
    Limits limits;
};

[[nodiscard]] inline bool on_gpu(const ResolvedJob& job) {
    return job.devices.front().kind == device::DeviceKind::cuda;
}

/// Pictures that are encoded for each frame that is worked on.
[[nodiscard]] inline int picture_rate(const ResolvedJob& job) { return job.model ? job.model->rate : 1; }

/// Frames of which the next segment's head must be made, so that an encoder has its context.
[[nodiscard]] inline int context_frames(const ResolvedJob& job) {
    const int pictures = job.video ? job.video->encoder.context_frames : 0;
    const int rate = picture_rate(job);
    // The pictures of a frame are made when the next frame's time is known.
    return pictures == 0 || rate == 1 ? pictures : (pictures + rate - 1) / rate + 1;
}

/// Whether pictures stay on their GPU for the encoder.
[[nodiscard]] inline bool encodes_on_gpu(const ResolvedJob& job) {
    return job.video && job.video->encoder.device.kind == device::DeviceKind::cuda;
}

/// What the engine picked. Each may be called on any thread; what it makes stays on one. A `station` is an index of the
/// job's devices.
struct Backends {
    std::function<std::unique_ptr<media::FrameReader>(std::size_t station)> open_reader;
    std::function<std::unique_ptr<media::Encoder>(std::size_t station)> make_encoder;
    /// The source that other streams are copied from; may be null.
    std::function<std::shared_ptr<media::Source>()> open_copy_source;
    std::vector<infer::Session*> sessions;  ///< one a station; empty without a model
};

}  // namespace millrace::pipeline
