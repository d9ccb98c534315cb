#include "engine/generator_run.h"

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/usage.h"
#include "engine/kept_work.h"
#include "engine/output_checks.h"
#include "engine/progress_meter.h"
#include "engine/report_parts.h"
#include "pipeline/join.h"
#include "pipeline/verdict.h"

namespace millrace::engine {

namespace {

/// Options that say something of an input, of its streams, or of several processes: those that were given.
std::vector<std::string> without_meaning(const Job& job, const infer::ScriptDescription& script) {
    const InputOptions& input = job.input;
    std::vector<std::string> given;
    const auto add = [&](bool said, std::string option) {
        if (said) given.push_back(std::move(option));
    };
    add(!input.path.empty(), "-i " + input.path);
    add(input.start_us.has_value(), "-ss");
    add(input.duration_us.has_value(), "-t (--frames N ends it after N frames)");
    add(input.video_stream != 0, "--video-stream");
    add(input.deinterlace != Deinterlacing::off, "--deinterlace");
    add(input.on_corrupt != OnCorrupt::conceal, "--on-corrupt");
    add(input.decoder_threads.has_value(), "--decoder-threads");
    add(!input.rate.empty(), "--input-rate (frames come at the script's frame_rate)");
    add(job.output.audio == Keep::no, "--no-audio");
    add(job.output.subtitles == Keep::no, "--no-subtitles");
    if (script.steps.size() == 1) add(job.model.batch.has_value(), "--batch (frames come as they are yielded)");
    add(job.model.batch_timeout != ModelOptions{}.batch_timeout, "--batch-timeout");
    add(job.script.workers.value_or(1) > 1, fmt::format("--script-workers {}", job.script.workers.value_or(1)));
    add(job.run.trace, "--trace");
    return given;
}

void describe_times(const pipeline::Profile& profile, Report& report) {
    const auto worked = static_cast<double>(report.frames.encoded);
    if (report.run_seconds > 0) report.fps = worked / report.run_seconds;
    const std::vector<pipeline::StageSummary> stages = pipeline::summarize(profile, pipeline::PictureMaking::by_makers);
    add_stages(stages, report);
    add_verdict(stages, pipeline::ModelKind::generator, report);
}

}  // namespace

void check_script_job(const Job& job, const infer::ScriptDescription& script) {
    if (script.kind != infer::ScriptKind::generator) {
        if (!job.input.path.empty()) return;
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("script {}: it is of the kind {}, which works on a video; "
                                      "name that with -i FILE",
                                      job.script.path, infer::name(script.kind)));
    }
    const std::vector<std::string> given = without_meaning(job, script);
    if (given.empty()) return;
    throw core::Error(core::ErrorCode::usage,
                      fmt::format("script {}: it is a generator, which makes frames in one process and has no input; "
                                  "leave out {}",
                                  job.script.path, given.front()));
}

Report run_generator(const Job& job, ScriptHost& host, const Observer& observer, const std::stop_token& stop) {
    pipeline::Profile profile(pipeline::Tracing::off);
    const GeneratorBegin began = host.begin_generator(stop);
    ProgressMeter meter(observer, began.expected, profile);
    const auto observe = [&](const pipeline::RunProgress& now) { meter.show(now); };
    const bool piped = job.output.path == "-";
    Report report = telling_what_is_kept(job, [&] { return host.generate(began, {nullptr, profile, observe, stop}); });
    if (piped) pipeline::write_to_standard_output(file_for_standard_output(job));
    report.output = job.output.path;
    report.model = host.script().description.path;
    report.runtime = host.script().description.runtime;
    report.frames.expected = began.expected;
    report.peak_memory = core::peak_resident_bytes();
    if (const auto first = profile.first_frame())
        report.first_frame_seconds = std::chrono::duration<double>(*first).count();
    host.describe(report);
    describe_times(profile, report);
    report.frames.processed = report.frames.encoded = report.frames.muxed;  // earlier runs included, as of a file
    meter.show_phase(Phase::done, report.frames.muxed);
    return report;
}

}  // namespace millrace::engine
