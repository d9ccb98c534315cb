#include "engine/kept_work.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "engine/output_checks.h"
#include "pipeline/journal.h"

namespace millrace::engine {

namespace {

std::string way_on(const Job& job) {
    const bool may_change = !job.script.path.empty();
    return fmt::format(", and the same command goes on from there{}",
                       may_change ? "; with a changed script --restart begins anew" : "");
}

}  // namespace

core::Error with_what_is_kept(const core::Error& error, const Job& job) {
    // What --strict refuses, it refuses again.
    if (job.output.path == "-" || error.code() == core::ErrorCode::refused) return error;
    const std::string folder = work_folder(job);
    const std::size_t segments = pipeline::count_finished(folder);
    if (segments == 0) return error;
    std::string text = error.what();
    const bool said = text.find("the same command") != std::string::npos;
    const std::string kept = fmt::format("; {} finished segment{} in {}{}", segments, segments == 1 ? " lies" : "s lie",
                                         folder, said ? "" : way_on(job));
    text.insert(std::min(text.find('\n'), text.size()), kept);  // a traceback may follow
    return {error.code(), text, error.location()};
}

}  // namespace millrace::engine
