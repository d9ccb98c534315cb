#include "engine/script_worker.h"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>
#include <utility>

#include "engine/backends.h"
#include "engine/gpu_watch.h"
#include "engine/job_json.h"
#include "engine/resolve.h"
#include "engine/run_clock.h"
#include "engine/script_messages.h"
#include "engine/version.h"
#include "engine/worker_watch.h"
#include "pipeline/journal.h"
#include "pipeline/runner.h"

namespace millrace::engine {

namespace {

using nlohmann::json;

constexpr std::chrono::milliseconds listen_interval{200};

// The planning process keeps the journal; here all segments but the worker's own need no work.
class WorkerLedger final : public pipeline::SegmentLedger {
  public:
    WorkerLedger(MessageChannel& channel, const pipeline::ResolvedJob& job, const std::set<int>& own,
                 ScriptStates* states)
        : channel_(channel), states_(states), folder_(job.work_folder) {
        for (const pipeline::Segment& segment : job.input.segments) {
            if (!own.contains(segment.number)) finished_[segment.number].segment = segment.number;
        }
    }

    [[nodiscard]] const std::map<int, pipeline::SegmentRecord>& finished() const override { return finished_; }
    [[nodiscard]] std::string segment_path(int segment) const override {
        return pipeline::segment_path(folder_, segment);
    }
    void add(const pipeline::SegmentRecord& record) override {
        channel_.send({{"finished", pipeline::format_record(record)}});
        if (states_ != nullptr) states_->finished(record.segment);
    }

  private:
    MessageChannel& channel_;
    ScriptStates* states_;  ///< null: none are kept
    std::string folder_;
    std::map<int, pipeline::SegmentRecord> finished_;
};

}  // namespace

ScriptWorker::ScriptWorker(int socket) : channel_(socket) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    json hello;
    if (channel_.receive(hello, any_time) != MessageChannel::Received::message) ::_exit(1);
    job_ = job_from_json(hello.at("hello").at("job").get<std::string>());
    const std::string theirs = hello.at("hello").at("version").get<std::string>();
    if (theirs == version()) return;
    throw core::Error(core::ErrorCode::usage,
                      fmt::format("its Python package is of version {}, this program of {}; install both from one copy "
                                  "of the repository: pip install . (docs/python.md)",
                                  version(), theirs));
}

void ScriptWorker::fail(const core::Error& error) { channel_.send(to_message(error)); }

bool ScriptWorker::run(const Script& script) {
    try {
        work(script);
        return true;
    } catch (const core::Error& error) {
        fail(error);
    } catch (const std::exception& error) {  // the entry of a process
        fail(core::Error(core::ErrorCode::failed, error.what()));
    }
    return false;
}

// Whoever plans says when to stop, or is gone.
void ScriptWorker::listen(const std::stop_token& ended) {
    json message;
    while (!ended.stop_requested()) {
        const MessageChannel::Received received = channel_.receive(message, listen_interval);
        if (received == MessageChannel::Received::nothing) continue;
        stop_.request_stop();
        return;
    }
}

void ScriptWorker::keep_state(int segment, std::string_view state) {
    if (states_) states_->keep(segment, state);
}

// With the last state that an earlier run kept before the first segment that is still to be done.
void ScriptWorker::load_state(const Script& script, const std::set<int>& own, PreparedJob& prepared) {
    if (!script.load || own.empty()) return;
    states_ = std::make_unique<ScriptStates>(prepared.job.work_folder, own);
    const std::optional<int> last = states_->last_before(*own.begin());
    if (!last) return;
    script.load(states_->read(*last));
    prepared.job.replay_from = *last + 1;
}

void ScriptWorker::work(const Script& script) {
    channel_.send({{"script", to_message(script.description)}});
    PreparedJob prepared = prepare_job(job_, stop_.get_token(), {}, &script);
    channel_.send({{"ready", prepared.job.identity}});
    json message;
    if (channel_.receive(message, any_time) != MessageChannel::Received::message || !message.contains("work")) return;
    const auto own = message.at("work").get<std::set<int>>();
    load_state(script, own, prepared);
    WorkerLedger ledger(channel_, prepared.job, own, states_.get());
    const std::jthread listener([this](const std::stop_token& ended) { listen(ended); });
    pipeline::Profile profile(pipeline::Tracing::off);
    const pipeline::Backends backends = make_backends(job_, prepared, stop_.get_token());
    const auto say = [&](const pipeline::RunProgress& now) {
        check_timeout(channel_, job_, script.times().now);
        channel_.send({{"progress", to_message(progress_of(now, profile))}});
    };
    GpuWatch gpu_watch(prepared.devices, script.copies);
    const RunClock clock;
    const pipeline::RunResult result =
        pipeline::run_segments(prepared.job, backends, ledger, profile, say, stop_.get_token());
    const double cpu_seconds = clock.cpu_seconds();
    Report seen;
    gpu_watch.stop(seen);
    if (script.end) script.end();
    std::int64_t frames = 0;
    for (const auto& [segment, record] : result.records) frames += record.frames_done;
    channel_.send({{"progress", to_message(progress_of({frames, 0, 0}, profile))}});
    WorkerReport report = report_of({script.times(), script.gil_waits()}, std::move(seen));
    report.cpu_seconds = cpu_seconds;
    channel_.send({{"done", to_message(report)}});
}

}  // namespace millrace::engine
