#pragma once
// Parts of a report that runs and writers have in common.

#include <optional>
#include <vector>

#include "media/sink.h"
#include "millrace/report.h"
#include "pipeline/verdict.h"

namespace millrace::engine {

/// Of the cores how many worked; `cpu_seconds`: for the run, in all, during its run_seconds.
void add_cores(double cpu_seconds, Report& report);

void add_stages(const std::vector<pipeline::StageSummary>& stages, Report& report);

/// Which stage limits a run whose times are all in `report`, and in which words.
void add_verdict(const std::vector<pipeline::StageSummary>& stages, pipeline::ModelKind kind, Report& report);

/// What a container could not hold goes to the fallbacks, what only changed to the notes.
void add_copy_notes(const std::vector<media::CopyNote>& notes, Report& report);

/// Adds another process's copies, line by line. Where one process could not measure them the sum is not known.
void add_script_copies(const std::optional<std::vector<ScriptCopies>>& more,
                       std::optional<std::vector<ScriptCopies>>& sums);

}  // namespace millrace::engine
