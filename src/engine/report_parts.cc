#include "engine/report_parts.h"

namespace millrace::engine {

void add_stages(const std::vector<pipeline::StageSummary>& stages, Report& report) {
    for (const pipeline::StageSummary& stage : stages) {
        report.stages.push_back({pipeline::name(stage.stage), stage.workers, stage.frames, stage.busy, stage.wait_input,
                                 stage.wait_output, stage.ceiling_fps, stage.gpu});
    }
}

void add_copy_notes(const std::vector<media::CopyNote>& notes, Report& report) {
    for (const media::CopyNote& note : notes) {
        (note.loss ? report.fallbacks : report.notes).push_back(note.text);
    }
}

}  // namespace millrace::engine
