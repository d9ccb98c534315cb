#pragma once
// Where the time goes: busy and waiting time of every stage, and a trace of it.

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace millrace::pipeline {

enum class Stage { decode, to_tensor, model, to_picture, encode, join };
inline constexpr std::size_t stage_count = 6;

[[nodiscard]] const char* name(Stage stage);

/// What a worker of a stage is doing.
enum class Activity { busy, wait_input, wait_output };

using Clock = std::chrono::steady_clock;

/// Sums of one stage since the start of the run, over all its workers.
struct StageSums {
    std::array<std::chrono::nanoseconds, 3> time{};  ///< by Activity
    std::chrono::nanoseconds gpu{};                  ///< of its work on GPUs, wherever the threads were meanwhile
    std::int64_t frames = 0;
    int workers_now = 0;
    int workers_peak = 0;
    Clock::time_point began = Clock::time_point::max();  ///< the first that it did, waiting included
    Clock::time_point ended = Clock::time_point::min();  ///< the last
};

enum class Tracing { off, on };

/// Thread-safe; counting costs two clock reads and three atomic operations.
class Profile {
  public:
    explicit Profile(Tracing tracing);

    void add(Stage stage, Activity activity, Clock::time_point begin, Clock::time_point end);
    /// Work of a stage that took `time` on a GPU, beside what its threads did.
    void add_gpu(Stage stage, std::chrono::nanoseconds time);
    void count_frames(Stage stage, std::int64_t frames = 1);
    /// What stages of another process did since its last call; numbers of workers may fall.
    void add_sums(Stage stage, const StageSums& more);
    void worker_started(Stage stage);
    void worker_ended(Stage stage);

    [[nodiscard]] StageSums sums(Stage stage) const;
    [[nodiscard]] Clock::time_point start() const { return start_; }
    /// A frame reached the model, or the output where there is no model. Only the first call counts.
    void mark_first_frame();
    /// From start() to the first frame; nullopt when none came.
    [[nodiscard]] std::optional<std::chrono::nanoseconds> first_frame() const;
    /// Events in the Chrome trace format (JSON), times in microseconds since the start.
    [[nodiscard]] std::string trace_json() const;

  private:
    struct Counters {
        std::array<std::atomic<std::int64_t>, 3> nanoseconds{};
        std::atomic<std::int64_t> gpu_nanoseconds{0};
        std::atomic<std::int64_t> frames{0};
        std::atomic<int> workers_now{0};
        std::atomic<int> workers_peak{0};
        std::atomic<Clock::rep> began{Clock::time_point::max().time_since_epoch().count()};
        std::atomic<Clock::rep> ended{Clock::time_point::min().time_since_epoch().count()};

        void span(Clock::time_point begin, Clock::time_point end);
    };
    struct Event {
        Stage stage;
        Activity activity;
        int thread;
        std::int64_t begin_ns;
        std::int64_t end_ns;
    };

    Clock::time_point start_;
    Tracing tracing_;
    std::atomic<std::int64_t> first_frame_ns_{-1};
    std::array<Counters, stage_count> stages_;
    mutable std::mutex events_mutex_;
    std::vector<Event> events_;
};

/// Adds the time of its own life to a stage.
class Timed {
  public:
    Timed(Profile& profile, Stage stage, Activity activity)
        : profile_(profile), stage_(stage), activity_(activity), begin_(Clock::now()) {}
    Timed(const Timed&) = delete;
    Timed& operator=(const Timed&) = delete;
    Timed(Timed&&) = delete;
    Timed& operator=(Timed&&) = delete;
    ~Timed() { profile_.add(stage_, activity_, begin_, Clock::now()); }

  private:
    Profile& profile_;
    Stage stage_;
    Activity activity_;
    Clock::time_point begin_;
};

/// Counts a worker of a stage for its own life.
class Worker {
  public:
    Worker(Profile& profile, Stage stage) : profile_(profile), stage_(stage) { profile_.worker_started(stage_); }
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    Worker(Worker&&) = delete;
    Worker& operator=(Worker&&) = delete;
    ~Worker() { profile_.worker_ended(stage_); }

  private:
    Profile& profile_;
    Stage stage_;
};

}  // namespace millrace::pipeline
