#include "engine/kept_work.h"

#include <fmt/format.h>

#include <algorithm>

#include "pipeline/journal.h"

namespace millrace::engine {

core::Error with_what_is_kept(const core::Error& error, const std::string& folder) {
    // What --strict refuses, it refuses again.
    if (folder.empty() || error.code() == core::ErrorCode::refused) return error;
    const std::size_t segments = pipeline::count_finished(folder);
    if (segments == 0) return error;
    std::string text = error.what();
    const bool said = text.find("the same command") != std::string::npos;
    const std::string kept = fmt::format("; {} finished segment{} in {}{}", segments, segments == 1 ? " lies" : "s lie",
                                         folder, said ? "" : ", and the same command goes on from there");
    text.insert(std::min(text.find('\n'), text.size()), kept);  // a traceback may follow
    return {error.code(), text, error.location()};
}

}  // namespace millrace::engine
