#pragma once
// The process of a script that makes frames: a FrameWriter, and what the planning process hears of it.

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "engine/frame_writer.h"
#include "engine/gpu_watch.h"
#include "engine/line_writer.h"
#include "engine/script.h"
#include "engine/script_states.h"
#include "engine/script_worker.h"

namespace millrace::engine {

/// What comes of the frames in the end: pictures, or one line of JSON each.
enum class Made { video, lines };

/// A script that makes frames, those that they go through, and the file that comes of it.
struct Generator {
    infer::ScriptDescription script;
    WriterJob writer;  ///< of what the last script makes
    Made made = Made::video;
    std::int64_t expected = -1;            ///< frames in the file; -1: nobody knows
    device::CopyLedger* copies = nullptr;  ///< that the script asks for on a GPU; outlives the worker
};

/// One thread makes frames and hands what comes of them to video() or lines(); another tells the planning process, and
/// hears when to stop.
class GeneratorWorker {
  public:
    /// Describes the script, waits until that is wanted, and begins or goes on. Throws what FrameWriter throws;
    /// Error(interrupted) where the planning process wants none of it. `worker` outlives this.
    GeneratorWorker(ScriptWorker& worker, Generator generator);
    GeneratorWorker(const GeneratorWorker&) = delete;
    GeneratorWorker& operator=(const GeneratorWorker&) = delete;
    GeneratorWorker(GeneratorWorker&&) = delete;
    GeneratorWorker& operator=(GeneratorWorker&&) = delete;
    ~GeneratorWorker();

    /// Null where lines are made.
    [[nodiscard]] const std::shared_ptr<FrameWriter>& video() const { return video_; }
    /// Null where pictures are made.
    [[nodiscard]] const std::shared_ptr<LineWriter>& lines() const { return lines_; }
    /// Whichever of the two there is.
    [[nodiscard]] MadeFile& file() const { return *file_; }
    /// Where the script's frames are.
    [[nodiscard]] device::DeviceId device() const { return device_; }
    [[nodiscard]] bool stopped() const { return stopped_.load(); }
    /// Of the file.
    [[nodiscard]] std::int64_t segment_frames() const;
    /// What the scripts know at the end of a segment. Throws Error(no_space | failed).
    void keep_state(int segment, std::string_view state);
    /// The last segment before the first unfinished one whose state an earlier run kept; nullopt: there is none.
    [[nodiscard]] std::optional<int> last_state() const;
    [[nodiscard]] std::string read_state(int segment) const { return states_->read(segment); }
    /// The scripts are set up: what they load is no time of the run's. Says so.
    void set_up();
    /// Around each call into the script; `lock_wait`: seconds until it could begin.
    void enter(double lock_wait);
    void leave();
    /// Thread-safe.
    [[nodiscard]] CallTimes times() const;
    /// The writer is closed and the file is there: says so.
    void finish(const GilWaits& gil_waits);
    /// Leaves what is finished for another run. Waits for the threads, so that it is on disk.
    void abort();

  private:
    using Clock = std::chrono::steady_clock;

    void begin(Generator generator);
    void watch(const std::stop_token& ended);
    void say_progress();

    ScriptWorker& worker_;
    device::DeviceId device_;
    std::shared_ptr<FrameWriter> video_;
    std::shared_ptr<LineWriter> lines_;
    MadeFile* file_ = nullptr;            ///< one of the two
    std::optional<ScriptStates> states_;  ///< from begin() on
    int first_unfinished_ = 0;            ///< segment, as far as known
    std::optional<GpuWatch> gpu_watch_;
    std::atomic<bool> stopped_{false};
    std::int64_t counted_ = 0;            ///< frames of the script's stage
    pipeline::Clock::duration waited_{};  ///< of the writer's, counted
    mutable std::mutex mutex_;
    CallTimes times_;          ///< of calls that have ended
    bool set_up_ = false;      ///< only then are calls the stage's
    Clock::time_point began_;  ///< of the call that is running; the epoch: none is
    std::jthread thread_;      ///< last: it uses all of the above
};

}  // namespace millrace::engine
