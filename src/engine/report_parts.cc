#include "engine/report_parts.h"

#include <algorithm>
#include <functional>

#include "engine/machine.h"

namespace millrace::engine {

void add_cores(double cpu_seconds, Report& report) {
    report.cores = machine_cores();
    constexpr double measurable = 0.01;  // the system counts in such steps
    if (report.run_seconds < measurable) return;
    report.cores_at_work = std::min(cpu_seconds / report.run_seconds, static_cast<double>(report.cores));
}

void add_stages(const std::vector<pipeline::StageSummary>& stages, Report& report) {
    for (const pipeline::StageSummary& stage : stages) {
        report.stages.push_back({pipeline::name(stage.stage), stage.workers, stage.frames, stage.busy, stage.wait_input,
                                 stage.wait_output, stage.ceiling_fps, stage.gpu});
    }
}

void add_verdict(const std::vector<pipeline::StageSummary>& stages, pipeline::ModelKind kind, Report& report) {
    pipeline::RunFacts run{report.fps, report.run_seconds,   kind, report.cores, report.cores_at_work,
                           0,          report.segments.total};
    run.one_segment_reason = report.one_segment_reason;
    if (report.encoder.ends_with("_nvenc")) run.encoders = pipeline::Encoders::on_gpu;
    for (const GpuReport& gpu : report.gpus) run.kernel_share = std::max(run.kernel_share, gpu.kernel_share);
    const pipeline::Verdict verdict = pipeline::judge(stages, run);
    report.limiting_stage = verdict.limiting_stage;
    report.verdict = verdict.text;
}

void add_copy_notes(const std::vector<media::CopyNote>& notes, Report& report) {
    for (const media::CopyNote& note : notes) {
        (note.loss ? report.fallbacks : report.notes).push_back(note.text);
    }
}

void add_script_copies(const std::optional<std::vector<ScriptCopies>>& more,
                       std::optional<std::vector<ScriptCopies>>& sums) {
    if (!more || !sums) {
        sums.reset();
        return;
    }
    for (const ScriptCopies& line : *more) {
        const auto same = std::ranges::find_if(*sums, [&](const ScriptCopies& known) {
            return known.line == line.line && known.direction == line.direction;
        });
        ScriptCopies& sum = same != sums->end() ? *same : sums->emplace_back(line.line, line.direction);
        sum.count += line.count;
        sum.bytes += line.bytes;
        sum.seconds += line.seconds;
    }
    std::ranges::stable_sort(*sums, std::ranges::greater(), &ScriptCopies::bytes);
}

}  // namespace millrace::engine
