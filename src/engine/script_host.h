#pragma once
// The side of a run that plans: starts the processes that run a script, gives them segments, keeps the journal.

#include <deque>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <stop_token>
#include <vector>

#include "engine/child_process.h"
#include "engine/message_channel.h"
#include "engine/resolve.h"
#include "engine/script.h"
#include "engine/script_messages.h"
#include "millrace/job.h"
#include "millrace/report.h"
#include "pipeline/journal.h"
#include "pipeline/profile.h"
#include "pipeline/runner.h"

namespace millrace::engine {

/// What a run needs besides its segments.
struct ScriptRun {
    pipeline::SegmentLedger* ledger;  ///< null: of a generator, whose process keeps it
    pipeline::Profile& profile;
    const std::function<void(const pipeline::RunProgress&)>& observe;
    std::stop_token stop;
};

/// Of a generator that is ready to make frames.
struct GeneratorBegin {
    std::int64_t expected = -1;  ///< frames in all; -1: nobody knows
    std::int64_t reused = 0;     ///< of those, finished by an earlier run
};

class ScriptHost {
  public:
    /// Starts the workers and waits for their description of the script. Throws Error(usage): no such script or
    /// interpreter, or that interpreter's Millrace is missing or another; whatever the workers throw.
    ScriptHost(const Job& job, const std::stop_token& stop);

    [[nodiscard]] const Script& script() const { return script_; }
    /// As run_segments(). Each worker has a part of the unfinished segments that lie side by side.
    [[nodiscard]] pipeline::RunResult run(const PreparedJob& prepared, const ScriptRun& run);

    /// Of a generator: has it open its output. Throws what that throws.
    [[nodiscard]] GeneratorBegin begin_generator(const std::stop_token& stop);
    /// Until the file is there; what became of it, without stages.
    [[nodiscard]] Report generate(const GeneratorBegin& began, const ScriptRun& run);

    /// That cores worked for the workers during the run.
    [[nodiscard]] double cpu_seconds() const;
    /// What the workers did, once they ran.
    void describe(Report& report) const;

  private:
    struct Worker {
        std::unique_ptr<MessageChannel> channel;
        std::unique_ptr<ChildProcess> process;
        WorkerProgress progress{};
        WorkerReport report{};
        bool done = false;
    };

    using Clock = std::chrono::steady_clock;

    void start(const Job& job, int workers);
    [[nodiscard]] nlohmann::json expect(Worker& worker, const char* kind, const std::stop_token& stop);
    [[noreturn]] void refuse(Worker& worker, const nlohmann::json& message) const;
    [[noreturn]] void lost(Worker& worker) const;
    void share_out(const PreparedJob& prepared, const pipeline::SegmentLedger& ledger);
    void take(Worker& worker, const nlohmann::json& message, const ScriptRun& run, pipeline::RunResult& result);
    void take_progress(Worker& worker, const WorkerProgress& now, pipeline::Profile& profile);
    void work(const ScriptRun& run, pipeline::RunResult& result);
    void stop_workers(const ScriptRun& run, pipeline::RunResult& result);

    Clock::time_point begin_;
    double load_seconds_ = 0;  ///< until all workers were ready
    std::string path_;
    std::string python_;
    Script script_;
    std::deque<Worker> workers_;
};

}  // namespace millrace::engine
