#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/usage.h"
#include "engine/backends.h"
#include "engine/device_choice.h"
#include "engine/generator_run.h"
#include "engine/gpu_watch.h"
#include "engine/kept_work.h"
#include "engine/output_checks.h"
#include "engine/progress_meter.h"
#include "engine/report_parts.h"
#include "engine/resolve.h"
#include "engine/run_clock.h"
#include "engine/script_host.h"
#include "millrace/engine.h"
#include "pipeline/joiner.h"
#include "pipeline/journal.h"
#include "pipeline/runner.h"
#include "pipeline/verdict.h"

namespace millrace {

namespace {

using Clock = std::chrono::steady_clock;

double seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

void append(std::vector<std::int64_t>& all, const std::vector<std::int64_t>& more) {
    all.insert(all.end(), more.begin(), more.end());
}

// Of the frames worked on, the last one's own duration included, in ticks; 0 where the index has no times.
std::int64_t length_of(const media::PacketIndex& index, const std::vector<pipeline::Segment>& segments) {
    const std::vector<std::int64_t>& pts = index.frame_pts;
    const auto first = std::ranges::lower_bound(pts, segments.front().range.begin);
    const auto end = std::ranges::lower_bound(pts, segments.back().range.end);
    if (first >= end) return 0;
    const auto last = static_cast<std::size_t>(end - pts.begin()) - 1;
    std::int64_t duration = last < index.frame_durations.size() ? index.frame_durations[last] : 0;
    if (duration == 0 && last > 0) duration = pts[last] - pts[last - 1];
    return pts[last] - *first + duration;
}

// The work folder of a run to standard output, which nobody can resume, or the file that a generator's process makes.
// Empty: none.
class TemporaryFolder {
  public:
    explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    TemporaryFolder(TemporaryFolder&&) = delete;
    TemporaryFolder& operator=(TemporaryFolder&&) = delete;
    ~TemporaryFolder() {
        std::error_code ignored;
        if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
    }

  private:
    std::string path_;
};

// One run, from its job to its report.
class Run {
  public:
    Run(const Job& job, const Observer& observer, const std::stop_token& stop)
        : job_(job), observer_(observer), stop_(stop), begin_(Clock::now()) {
        report_.started = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
    }

    Report execute() {
        if (observer_) observer_({});
        if (!job_.script.path.empty()) start_script();
        if (script_ && script_->script().description.kind == infer::ScriptKind::generator) return generate();
        prepare();
        const TemporaryFolder temporary(job_.output.path == "-" ? prepared_.job.work_folder : "");
        pipeline::Journal journal(prepared_.job.work_folder, prepared_.job.identity, prepared_.job.old_journal);
        return engine::telling_what_is_kept(job_, [&] { return work(journal); });
    }

  private:
    Report work(pipeline::Journal& journal) {
        pipeline::Profile profile(job_.run.trace ? pipeline::Tracing::on : pipeline::Tracing::off);
        const pipeline::Backends backends = engine::make_backends(job_, prepared_, stop_);
        engine::ProgressMeter meter(observer_, expected_frames(), profile);
        // A script's processes watch what they do there.
        engine::GpuWatch gpu_watch(script_ ? std::vector<device::DeviceId>{{}} : prepared_.devices);
        const auto observe = [&](const pipeline::RunProgress& now) { meter.show(now); };
        pipeline::Joiner joiner({prepared_.job, backends, journal, profile, stop_}, journal.finished());
        const engine::RunClock clock;
        const pipeline::RunResult result =
            script_ ? script_->run(prepared_, {&joiner, profile, observe, stop_})
                    : pipeline::run_segments(prepared_.job, backends, joiner, profile, observe, stop_);
        report_.run_seconds = seconds(result.run_time);
        engine::add_cores(clock.cpu_seconds() + (script_ ? script_->cpu_seconds() : 0), report_);
        gpu_watch.stop(report_);
        if (script_) script_->describe(report_);
        count(result);
        check_counts(result);
        meter.show_phase(Phase::joining, report_.frames.processed);
        const auto join_begin = Clock::now();
        join(joiner, result);
        report_.join_seconds = seconds(Clock::now() - join_begin);
        journal.remove();
        describe(result, profile);
        meter.show_phase(Phase::done, report_.frames.processed);
        return std::move(report_);
    }

    void start_script() {
        script_.emplace(job_, stop_);
        engine::check_script_job(job_, script_->script().description);
    }

    Report generate() {
        const bool piped = job_.output.path == "-";
        const TemporaryFolder folder(piped ? engine::work_folder(job_) : "");
        const TemporaryFolder file(piped ? engine::file_for_standard_output(job_) : "");
        Report report = engine::run_generator(job_, *script_, observer_, stop_);
        report.started = report_.started;
        report.wall_seconds = seconds(Clock::now() - begin_);
        return report;
    }

    void prepare() {
        const auto building = [this](const engine::BuildState& state) {
            Progress progress;
            progress.phase = Phase::building;
            progress.building_seconds = state.seconds;
            progress.pieces_done = state.done;
            progress.pieces_total = state.total;
            if (observer_) observer_(progress);
        };
        prepared_ = engine::prepare_job(job_, stop_, building, script_ ? &script_->script() : nullptr);
        report_.fallbacks = prepared_.fallbacks;
        report_.notes = prepared_.notes;
        refuse_fallbacks();
        refuse_losses();
    }

    void refuse_fallbacks() const {
        if (job_.run.strictness == Strictness::lenient || report_.fallbacks.empty()) return;
        refuse(report_.fallbacks.front());
    }

    // Of what is copied; the join finds those that follow from what was encoded.
    void refuse_losses() const {
        if (job_.run.strictness == Strictness::lenient) return;
        const std::vector<std::string> losses = engine::foreseen_losses(prepared_);
        if (!losses.empty()) refuse(losses.front());
    }

    [[noreturn]] void refuse(const std::string& why) const {
        throw core::Error(core::ErrorCode::refused, fmt::format("{}: refused by --strict: {}", job_.output.path, why));
    }

    [[nodiscard]] std::int64_t expected_frames() const {
        std::int64_t total = 0;
        for (const pipeline::Segment& segment : prepared_.job.input.segments) {
            if (segment.frame_count < 0) return -1;
            total += segment.frame_count;
        }
        return total;
    }

    void count(const pipeline::RunResult& result) {
        FrameCounts& frames = report_.frames;
        frames.expected = expected_frames();
        for (const auto& [segment, record] : result.records) {
            frames.decoded += record.frames_decoded;
            frames.processed += record.frames_done;
            frames.decode_errors += record.decode_errors;
            frames.nan_values += record.nan_values;
            frames.retimed += record.retimed_frames;
            frames.reshaped += record.reshaped_frames;
            append(frames.corrupt_pts, record.corrupt_pts);
            append(frames.dropped_pts, record.dropped_pts);
            append(frames.missing_pts, record.missing_pts);
        }
        frames.encoded = frames.processed * pipeline::picture_rate(prepared_.job);
        note_losses();
    }

    void note_losses() {
        const FrameCounts& frames = report_.frames;
        const auto add = [this](std::size_t number, const char* what) {
            if (number > 0) report_.fallbacks.push_back(fmt::format("{} {}", number, what));
        };
        add(frames.corrupt_pts.size(), "damaged frames were concealed by the decoder");
        add(frames.dropped_pts.size(), "damaged frames were dropped");
        add(frames.missing_pts.size(), "frames could not be decoded at all");
        add(static_cast<std::size_t>(frames.decode_errors), "packets or pictures could not be decoded whole");
        add(static_cast<std::size_t>(frames.retimed), "frames had no usable pts and were given one");
        add(static_cast<std::size_t>(frames.reshaped),
            "frames had another size or format than the stream began with and were converted to it");
        add(static_cast<std::size_t>(frames.nan_values), "NaN values of the model became 0");
        refuse_fallbacks();
    }

    void check_counts(const pipeline::RunResult& result) const {
        const FrameCounts& frames = report_.frames;
        const auto missing = static_cast<std::int64_t>(frames.missing_pts.size());
        const auto dropped = static_cast<std::int64_t>(frames.dropped_pts.size());
        const bool all_decoded = frames.expected < 0 || frames.decoded + missing == frames.expected;
        if (result.records.size() != prepared_.job.input.segments.size() || !all_decoded ||
            frames.processed + dropped != frames.decoded) {
            throw core::Error(
                core::ErrorCode::failed,
                fmt::format("{}: frames do not add up: {} expected, {} decoded, {} missing, {} dropped, {} "
                            "processed; nothing was written",
                            job_.output.path, frames.expected, frames.decoded, missing, dropped, frames.processed));
        }
        if (frames.processed == 0) {
            throw core::Error(core::ErrorCode::bad_input,
                              frames.decoded > 0
                                  ? fmt::format("{}: all {} frames are damaged and were dropped; --on-corrupt conceal "
                                                "keeps them",
                                                job_.input.path, frames.decoded)
                                  : fmt::format("{}: not one frame could be decoded", job_.input.path));
        }
    }

    void join(pipeline::Joiner& joiner, const pipeline::RunResult& result) {
        const pipeline::JoinResult joined = joiner.finish(result.records);
        report_.frames.muxed = joined.frames;
        engine::add_copy_notes(joined.notes, report_);
    }

    void describe(const pipeline::RunResult& result, const pipeline::Profile& profile) {
        const media::StreamInfo& video = prepared_.job.input.video;
        report_.input = job_.input.path;
        report_.output = job_.output.path;
        report_.device = engine::device_names(prepared_.devices);
        report_.width_in = video.picture.width;
        report_.height_in = video.picture.height;
        if (prepared_.job.video) {
            const media::EncoderSettings& encoder = prepared_.job.video->encoder;
            report_.encoder = encoder.request.codec;
            report_.width_out = encoder.picture.width;
            report_.height_out = encoder.picture.height;
        }
        if (prepared_.model) {
            report_.model = prepared_.model->model.path;
            report_.runtime = engine::runtime_text(*prepared_.model);
            report_.engine = prepared_.model->engine.digest;
            report_.load_seconds += prepared_.model->load_seconds;
            describe_session();
        }
        const media::PacketIndex& index = *prepared_.input.index;
        report_.one_segment_reason = index.one_segment_reason;
        if (index.segmentable() && index.access_points.size() == 1) {
            report_.one_segment_reason = "no key frame but the first";
        }
        report_.segments = {static_cast<int>(prepared_.job.input.segments.size()), result.segments_reused};
        describe_times(result, profile);
        if (job_.run.trace) report_.trace_json = profile.trace_json();
    }

    void describe_session() {
        if (prepared_.model->sessions.empty()) return;  // a script's workers have them
        const infer::SessionReport session = prepared_.model->sessions.front()->report();
        report_.first_run_seconds = session.first_run_seconds;
        report_.model_runs_as = infer::to_string(session.choice);
    }

    void describe_times(const pipeline::RunResult& result, const pipeline::Profile& profile) {
        const pipeline::InputPlan& input = prepared_.job.input;
        report_.input_seconds = core::to_seconds(length_of(*input.index, input.segments), input.video.time_base);
        report_.wall_seconds = seconds(Clock::now() - begin_);
        report_.peak_memory = core::peak_resident_bytes();
        if (const auto first = profile.first_frame()) {
            report_.first_frame_seconds = seconds(profile.start() - begin_ + *first);
        }
        const auto worked = static_cast<double>(report_.frames.processed - result.frames_reused);
        if (report_.run_seconds > 0) report_.fps = worked / report_.run_seconds;
        const std::vector<pipeline::StageSummary> stages = pipeline::summarize(profile);
        engine::add_stages(stages, report_);
        engine::add_verdict(stages, script_ ? pipeline::ModelKind::script : pipeline::ModelKind::model, report_);
    }

    const Job& job_;
    const Observer& observer_;
    std::stop_token stop_;
    Clock::time_point begin_;
    std::optional<engine::ScriptHost> script_;
    engine::PreparedJob prepared_;
    Report report_;
};

}  // namespace

Report run(const Job& job, const Observer& observer, const std::stop_token& stop) {
    return Run(job, observer, stop).execute();
}

}  // namespace millrace
