#include "engine/generator_worker.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "core/error.h"
#include "engine/device_choice.h"
#include "engine/identity.h"
#include "engine/output_checks.h"
#include "engine/script_messages.h"
#include "engine/worker_watch.h"

namespace millrace::engine {

namespace {

using nlohmann::json;
using pipeline::Activity;
using pipeline::Stage;
using Received = MessageChannel::Received;

constexpr std::chrono::milliseconds watch_interval{100};
constexpr std::size_t hash_digits = 16;

pipeline::Identity identity_of(const infer::ScriptDescription& script) {
    pipeline::Identity identity{{pipeline::script_key, script.sha256.substr(0, hash_digits)},
                                {"--set", script.parameters},
                                {"runtime", script.runtime}};
    const auto batch = script.settings.find("batch");  // of scripts behind the generator
    if (batch != script.settings.end()) identity[batch_key] = batch->second;
    return identity;
}

// Standard output is the planning process's, which passes a file on that is whole.
void make_file(OutputOptions& output, const Job& job) {
    if (output.path != "-") return;
    output.path = file_for_standard_output(job);
    if (output.format.empty()) output.format = "matroska";
}

}  // namespace

GeneratorWorker::GeneratorWorker(ScriptWorker& worker, Generator generator) : worker_(worker) {
    begin(std::move(generator));
    counted_ = file_->next_frame();
    file_->profile().worker_started(Stage::model);
    thread_ = std::jthread([this](const std::stop_token& ended) { watch(ended); });
}

GeneratorWorker::~GeneratorWorker() { abort(); }

void GeneratorWorker::begin(Generator generator) {
    MessageChannel& channel = worker_.channel();
    channel.send({{"script", to_message(generator.script)}});
    json message;
    if (channel.receive(message, any_time) != Received::message || !message.contains("work")) {
        throw core::Error(core::ErrorCode::interrupted, fmt::format("{}: is not wanted", generator.script.path));
    }
    generator.writer.made_by = identity_of(generator.script);
    make_file(generator.writer.job.output, worker_.job());
    if (generator.made == Made::video) {
        file_ = (video_ = std::make_shared<FrameWriter>(generator.writer)).get();
    } else {
        file_ = (lines_ = std::make_shared<LineWriter>(generator.writer)).get();
    }
    first_unfinished_ = static_cast<int>(file_->frames_done() / segment_frames());
    states_.emplace(work_folder(worker_.job()), std::set{first_unfinished_});
    device_ = choose_devices(worker_.job().run.device).front();
    gpu_watch_.emplace(std::vector{device_}, generator.copies);
    channel.send({{"ready", {{"expected", generator.expected}, {"reused", file_->frames_done()}}}});
}

std::int64_t GeneratorWorker::segment_frames() const {
    return video_ ? video_->segment_frames() : lines_->segment_frames();
}

void GeneratorWorker::keep_state(int segment, std::string_view state) {
    const std::string folder = work_folder(worker_.job());
    while (std::filesystem::exists(pipeline::segment_path(folder, first_unfinished_))) {
        states_->finished(first_unfinished_);
        states_->begun(++first_unfinished_);
    }
    states_->keep(segment, state);
}

std::optional<int> GeneratorWorker::last_state() const { return states_->last_before(first_unfinished_); }

void GeneratorWorker::set_up() {
    if (video_) video_->begin_clock();
    if (lines_) lines_->begin_clock();
    set_up_ = true;
    worker_.channel().send({{"set up", true}});
}

void GeneratorWorker::enter(double lock_wait) {
    file_->profile().count_frames(Stage::model, file_->next_frame() - counted_);
    counted_ = file_->next_frame();
    const auto now = Clock::now();
    file_->profile().add(Stage::model, Activity::wait_output, now - (file_->waited() - waited_), now);
    waited_ = file_->waited();
    const std::lock_guard lock(mutex_);
    times_.gil_wait += lock_wait;
    began_ = now;
}

void GeneratorWorker::leave() {
    const auto now = Clock::now();
    if (set_up_) file_->profile().add(Stage::model, Activity::busy, began_, now);
    const std::lock_guard lock(mutex_);
    times_.inside += std::chrono::duration<double>(now - began_).count();
    ++times_.calls;
    began_ = {};
}

CallTimes GeneratorWorker::times() const {
    const std::lock_guard lock(mutex_);
    CallTimes times = times_;
    if (began_ != Clock::time_point{}) times.now = std::chrono::duration<double>(Clock::now() - began_).count();
    return times;
}

// A planning process that is gone wants no more frames either.
void GeneratorWorker::watch(const std::stop_token& ended) {
    json message;
    while (!ended.stop_requested()) {
        if (worker_.channel().receive(message, watch_interval) != Received::nothing) {
            stopped_ = true;
            file_->abort();
            return;
        }
        check_timeout(worker_.channel(), worker_.job(), times().now);
        say_progress();
    }
}

void GeneratorWorker::say_progress() {
    const pipeline::Profile& profile = file_->profile();
    const pipeline::StageSums encode = profile.sums(Stage::encode);
    worker_.channel().send({{"progress", to_message(progress_of({encode.frames, 0, encode.workers_now}, profile))}});
}

void GeneratorWorker::finish(const GilWaits& gil_waits) {
    thread_ = {};
    enter(0);  // counts what came since the last call
    say_progress();
    Report seen;
    gpu_watch_->stop(seen);
    WorkerReport report = report_of({times(), gil_waits}, std::move(seen));
    report.made = file_->report();
    worker_.channel().send({{"done", to_message(report)}});
}

void GeneratorWorker::abort() {
    constexpr double interval = 1;
    thread_ = {};
    file_->abort();
    while (!file_->wait(interval)) {
    }
}

}  // namespace millrace::engine
