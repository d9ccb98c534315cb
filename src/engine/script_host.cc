#include "engine/script_host.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/clock.h"
#include "core/error.h"
#include "engine/device_choice.h"
#include "engine/gpu_memory.h"
#include "engine/job_json.h"
#include "engine/output_checks.h"
#include "engine/report_parts.h"
#include "engine/version.h"

namespace millrace::engine {

namespace {

using core::Error;
using core::ErrorCode;
using nlohmann::json;
using Received = MessageChannel::Received;

constexpr std::chrono::milliseconds message_wait{50};
/// For a worker to finish what it can when it is asked to stop.
constexpr std::chrono::seconds patience{5};

// Says over the socket why it cannot begin, before there is anything of Millrace to say it.
constexpr const char* boot = R"(
import json, os, struct, sys
try:
    from millrace import _worker
except ImportError as error:
    text = json.dumps({"missing": str(error)}).encode()
    os.write(3, struct.pack(">I", len(text)) + text)
    sys.exit(1)
sys.exit(_worker.main(3))
)";

// A part of the run's memory and lanes for each worker.
std::string job_for_worker(Job job, int workers) {
    job.work_folder = work_folder(job);  // of standard output it is named after the process
    if (workers > 1) {
        const auto parts = static_cast<std::size_t>(workers);
        job.run.memory /= parts;
        job.run.gpu_memory = gpu_memory_for(job.run, choose_devices(job.run.device)).total / parts;
        if (job.run.lanes > 0) job.run.lanes = std::max(1, job.run.lanes / workers);
    }
    return engine::to_json(job);
}

void check_script(const Job& job) {
    for (const std::string& path : all_paths(job.script)) {
        struct stat found{};
        if (::stat(path.c_str(), &found) == 0) continue;
        throw Error(ErrorCode::bad_input, fmt::format("script {}: {}", path, std::strerror(errno)));  // NOLINT
    }
    if (choose_devices(job.run.device).size() > 1) {
        throw Error(ErrorCode::usage, fmt::format("script {}: a script runs on one device; name one of --device {}",
                                                  job.script.path, job.run.device));
    }
    if (job.input.path == "-") {
        throw Error(ErrorCode::usage,
                    fmt::format("script {}: its processes read the input themselves, which a pipe allows once; save it "
                                "to a file",
                                job.script.path));
    }
}

}  // namespace

ScriptHost::ScriptHost(const Job& job, const std::stop_token& stop)
    : begin_(Clock::now()), path_(job.script.path), python_(job.script.python.empty() ? "python3" : job.script.python) {
    check_script(job);
    start(job, job.script.workers.value_or(1));
    for (Worker& worker : workers_) {
        script_.description = script_from_message(expect(worker, "script", stop).at("script"));
    }
    const auto order = script_.description.settings.find("order");
    if (workers_.size() > 1 && order != script_.description.settings.end() && order->second == "sequential") {
        throw Error(ErrorCode::usage,
                    fmt::format("script {}: it is sequential, so one worker sees all frames; leave out "
                                "--script-workers {}",
                                path_, workers_.size()));
    }
}

void ScriptHost::start(const Job& job, int workers) {
    const json hello = {{"hello", {{"version", version()}, {"job", job_for_worker(job, workers)}}}};
    for (int i = 0; i < workers; ++i) {
        int ends[2] = {-1, -1};  // NOLINT(*-avoid-c-arrays)
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
            throw Error(ErrorCode::failed, fmt::format("socketpair failed: {}", std::strerror(errno)));  // NOLINT
        }
        Worker& worker = workers_.emplace_back();
        worker.channel = std::make_unique<MessageChannel>(ends[0]);
        const MessageChannel theirs(ends[1]);  // closed here once it is inherited
        worker.process = std::make_unique<ChildProcess>(std::vector<std::string>{python_, "-c", boot}, theirs.native());
        worker.channel->send(hello);
    }
}

json ScriptHost::expect(Worker& worker, const char* kind, const std::stop_token& stop) {
    json message;
    while (true) {
        const Received received = worker.channel->receive(message, message_wait);
        if (stop.stop_requested()) {
            throw Error(ErrorCode::interrupted, fmt::format("{}: interrupted before it began", path_));
        }
        if (received == Received::closed) lost(worker);
        if (received == Received::nothing) continue;
        if (message.contains(kind)) return message;
        refuse(worker, message);
    }
}

void ScriptHost::refuse(Worker& worker, const json& message) const {
    if (message.contains("failed")) throw error_from_message(message);
    if (message.contains("missing")) {
        throw Error(
            ErrorCode::usage,
            fmt::format("script {}: {} has no Millrace {} ({}); in Millrace's repository: {} -m pip install . (docs/"
                        "python.md), or choose another interpreter with --python",
                        path_, python_, version(), message.at("missing").get<std::string>(), python_));
    }
    lost(worker);
}

void ScriptHost::lost(Worker& worker) const {
    const auto how = worker.process->ended(patience);
    throw Error(ErrorCode::failed,
                fmt::format("script {}: the process that ran it {}; run the same command to continue", path_,
                            how.value_or("is gone")));
}

pipeline::RunResult ScriptHost::run(const PreparedJob& prepared, const ScriptRun& run) {
    pipeline::RunResult result;
    result.records = run.ledger->finished();
    result.segments_reused = static_cast<int>(result.records.size());
    for (const auto& [segment, record] : result.records) result.frames_reused += record.frames_done;
    try {
        for (Worker& worker : workers_) {
            const auto theirs = expect(worker, "ready", run.stop).at("ready").get<pipeline::Identity>();
            if (theirs == prepared.job.identity) continue;
            throw Error(ErrorCode::failed, fmt::format("script {}: its process planned another job: {}", path_,
                                                       pipeline::describe_difference(prepared.job.identity, theirs)));
        }
        // Scripts are set up: what they load and try out is no run's time.
        load_seconds_ = core::seconds_since(begin_);
        const Clock::time_point ready = Clock::now();
        share_out(prepared, *run.ledger);
        work(run, result);
        result.run_time = Clock::now() - ready;
    } catch (const Error&) {  // the others end as they can, and what they finish is kept
        stop_workers(run, result);
        throw;
    }
    return result;
}

GeneratorBegin ScriptHost::begin_generator(const std::stop_token& stop) {
    Worker& worker = workers_.front();
    worker.channel->send({{"work", json::array()}});
    const json ready = expect(worker, "ready", stop).at("ready");
    return {ready.at("expected").get<std::int64_t>(), ready.at("reused").get<std::int64_t>()};
}

Report ScriptHost::generate(const GeneratorBegin& began, const ScriptRun& run) {
    pipeline::RunResult result;
    result.frames_reused = began.reused;
    try {
        work(run, result);
    } catch (const Error&) {
        stop_workers(run, result);
        throw;
    }
    return workers_.front().report.made;
}

double ScriptHost::cpu_seconds() const {
    double seconds = 0;
    for (const Worker& worker : workers_) seconds += worker.report.cpu_seconds;
    return seconds;
}

void ScriptHost::describe(Report& report) const {
    ScriptReport& script = report.script;
    script.kind = infer::name(script_.description.kind);
    script.workers = static_cast<int>(workers_.size());
    report.load_seconds += load_seconds_;
    GilWaits gil;
    script.copies.emplace();
    for (const Worker& worker : workers_) {
        const ScriptReport& own = worker.report.script;
        script.calls += own.calls;
        script.python_seconds += own.python_seconds;
        script.gil_wait_seconds += own.gil_wait_seconds;
        script.peak_memory += own.peak_memory;
        gil.add(worker.report.gil);
        add_script_copies(own.copies, script.copies);
    }
    script.gil = gil.report();
    const WorkerReport& first = workers_.front().report;
    report.notes.insert(report.notes.end(), first.notes.begin(), first.notes.end());
    if (workers_.size() == 1) {
        report.gpus = first.gpus;
    } else if (!first.gpus.empty()) {
        report.notes.emplace_back(
            "GPU activity was not measured: the script's processes share the GPU, and each sees "
            "its own work only");
    }
}

// Side by side, as a segment's encoder wants the head of the next one, which is cheap where that is the same worker's.
void ScriptHost::share_out(const PreparedJob& prepared, const pipeline::SegmentLedger& ledger) {
    std::vector<int> left;
    for (const pipeline::Segment& segment : prepared.job.input.segments) {
        if (!ledger.finished().contains(segment.number)) left.push_back(segment.number);
    }
    for (std::size_t i = 0; i < workers_.size(); ++i) {
        const std::size_t from = left.size() * i / workers_.size();
        const std::size_t to = left.size() * (i + 1) / workers_.size();
        const std::vector<int> part(left.begin() + static_cast<std::ptrdiff_t>(from),
                                    left.begin() + static_cast<std::ptrdiff_t>(to));
        workers_[i].channel->send({{"work", part}});
    }
}

void ScriptHost::take_progress(Worker& worker, const WorkerProgress& now, pipeline::Profile& profile) {
    for (std::size_t i = 0; i < now.stages.size(); ++i) {
        pipeline::StageSums more = now.stages.at(i);
        const pipeline::StageSums& before = worker.progress.stages.at(i);
        for (std::size_t activity = 0; activity < more.time.size(); ++activity) {
            more.time.at(activity) -= before.time.at(activity);
        }
        more.gpu -= before.gpu;
        more.frames -= before.frames;
        more.workers_now -= before.workers_now;
        more.workers_peak -= before.workers_peak;
        profile.add_sums(static_cast<pipeline::Stage>(i), more);
    }
    worker.progress = now;
}

void ScriptHost::take(Worker& worker, const json& message, const ScriptRun& run, pipeline::RunResult& result) {
    if (message.contains("finished")) {
        const std::string line = message.at("finished").get<std::string>();
        for (const auto& [segment, record] : pipeline::parse_journal(line + "\n").finished) {
            run.ledger->add(record);
            result.records.insert_or_assign(segment, record);
        }
    } else if (message.contains("progress")) {
        take_progress(worker, progress_from_message(message.at("progress")), run.profile);
        if (worker.progress.run.frames_done > 0) run.profile.mark_first_frame();
    } else if (message.contains("set up")) {  // of a generator
        load_seconds_ = core::seconds_since(begin_);
    } else if (message.contains("done")) {
        worker.report = report_from_message(message.at("done"));
        worker.done = true;
    } else {
        refuse(worker, message);
    }
}

void ScriptHost::work(const ScriptRun& run, pipeline::RunResult& result) {
    while (!std::ranges::all_of(workers_, &Worker::done)) {
        if (run.stop.stop_requested()) {
            throw Error(ErrorCode::interrupted, "interrupted; run the same command to continue");
        }
        pipeline::RunProgress now{result.frames_reused, result.frames_reused, 0};
        for (Worker& worker : workers_) {
            json message;
            Received received = Received::nothing;
            while (!worker.done && (received = worker.channel->receive(message, message_wait)) == Received::message) {
                take(worker, message, run, result);
            }
            if (!worker.done && received == Received::closed) lost(worker);
            now.frames_done += worker.progress.run.frames_done;
            now.lanes += worker.progress.run.lanes;
        }
        run.observe(now);
    }
}

// What they finished until then is kept.
void ScriptHost::stop_workers(const ScriptRun& run, pipeline::RunResult& result) {
    const auto until = std::chrono::steady_clock::now() + patience;
    for (Worker& worker : workers_) worker.channel->send({{"stop", true}});
    for (Worker& worker : workers_) {
        json message;
        while (std::chrono::steady_clock::now() < until) {
            const Received received = worker.channel->receive(message, message_wait);
            if (received == Received::closed) break;
            if (received == Received::message && message.contains("finished")) take(worker, message, run, result);
        }
    }
}

}  // namespace millrace::engine
