#pragma once
// Stage times, in words.

#include <chrono>
#include <string>
#include <vector>

#include "pipeline/profile.h"

namespace millrace::pipeline {

/// One stage over a whole run; seconds are sums over its workers.
struct StageSummary {
    Stage stage = Stage::decode;
    int workers = 0;
    std::int64_t frames = 0;
    double busy = 0;
    double wait_input = 0;
    double wait_output = 0;
    double gpu = 0;  ///< of its work on GPUs
    /// Frames per second if the workers that it had on average, from its first frame to its last, had never waited. 0
    /// unknown.
    double ceiling_fps = 0;
};

/// Who makes pictures of the model's results: the threads of the encoders, or those that hand frames to them.
enum class PictureMaking { by_encoders, by_makers };

/// Stages that did something, in the order of the flow.
[[nodiscard]] std::vector<StageSummary> summarize(const Profile& profile,
                                                  PictureMaking making = PictureMaking::by_encoders);

struct Verdict {
    std::string limiting_stage;  ///< empty when nothing was worked on
    std::string text;            ///< one line
};

/// Who stands in the place of the model. `caller`: a program that hands frames to a Writer.
enum class ModelKind { model, script, generator, caller };

enum class Encoders { on_cores, on_gpu };

/// What a run was beside its stages: says which advice can help.
struct RunFacts {
    double fps = 0;
    double seconds = 0;
    ModelKind kind = ModelKind::model;
    int cores = 0;             ///< that it may use; 0 unknown
    double cores_at_work = 0;  ///< of them, on average
    double kernel_share = 0;   ///< of the time in which a GPU had a kernel at work, 0 to 1; 0 unknown
    int segments = 0;          ///< 0 unknown
    Encoders encoders = Encoders::on_cores;
    std::string one_segment_reason{};  ///< why there cannot be more; empty: there can
};

/// The stage with the lowest ceiling limits, if the run came anywhere near it.
[[nodiscard]] Verdict judge(const std::vector<StageSummary>& stages, const RunFacts& run);

/// While a run is under way: the stage that was busiest since the last call.
class LimitWatch {
  public:
    [[nodiscard]] std::string limiting_stage(const Profile& profile);

  private:
    std::array<std::chrono::nanoseconds, stage_count> busy_{};
};

}  // namespace millrace::pipeline
