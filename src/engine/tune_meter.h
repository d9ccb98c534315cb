#pragma once
// Measures a job's model at different settings, by itself, on data that lie where it runs.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "engine/resolve.h"
#include "engine/tune_choice.h"
#include "millrace/job.h"

namespace millrace::engine {

/// How long tuning may still take.
class TimeLeft {
  public:
    explicit TimeLeft(double seconds) : seconds_(seconds), begin_(std::chrono::steady_clock::now()) {}
    [[nodiscard]] double spent() const;
    [[nodiscard]] double left() const { return seconds_ - spent(); }
    /// All of it, at the beginning.
    [[nodiscard]] double whole() const { return seconds_; }

  private:
    double seconds_;
    std::chrono::steady_clock::time_point begin_;
};

/// What became of one measurement. Without a point `why` says what stands against it.
struct Metered {
    std::optional<TunePoint> point;
    std::string why;
};

/// The model at one precision, with one runtime.
class ModelMeter {
  public:
    /// Prepares `job`, whose precision and runtime these are. `seconds`: that one measurement may take to stand on
    /// enough_frames. Throws what prepare_job() throws.
    ModelMeter(const Job& job, const std::stop_token& stop, const Building& building, double seconds);

    [[nodiscard]] const PreparedJob& prepared() const { return prepared_; }
    [[nodiscard]] const pipeline::ModelPlan& plan() const { return *prepared_.job.model; }
    [[nodiscard]] bool on_gpu() const { return prepared_.devices.front().kind == device::DeviceKind::cuda; }
    /// As the run would be without tuning.
    [[nodiscard]] TunedSettings initial() const;
    /// How it runs: precision that held, provider.
    [[nodiscard]] const infer::RuntimeChoice& choice() const { return choice_; }

    /// `settings.fp32` and `.tensorrt` are this meter's; a batch of an engine is the one that it was prepared with.
    /// Throws what the model throws, Error(interrupted); what does not fit memory is no error.
    [[nodiscard]] Metered measure(const TunedSettings& settings);

    /// A session for a batch and threads of `settings`. Throws what infer::make_session() throws.
    [[nodiscard]] std::unique_ptr<infer::Session> make_session(const TunedSettings& settings) const;
    /// Of the model's batch a frame takes: its tiles.
    [[nodiscard]] int entries_a_frame() const { return entries_a_frame_; }

    /// What a measurement of `next` will take, judging by `last`, in seconds.
    [[nodiscard]] double expected_seconds(const TunePoint& last, const TunedSettings& next) const;

  private:
    /// How long one of the measurements of a point takes, for a model of so many frames a second.
    [[nodiscard]] std::chrono::duration<double> window_for(double fps) const;
    /// "" where the tensors of a run fit the memory that the job gives them.
    [[nodiscard]] std::string too_much(const infer::Session& session, int workers) const;

    std::stop_token stop_;
    double seconds_;
    PreparedJob prepared_;
    infer::RuntimeChoice choice_;
    int entries_a_frame_ = 1;
    double load_seconds_ = 0;  ///< of the session before
};

}  // namespace millrace::engine
