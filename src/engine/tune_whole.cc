#include "engine/tune_whole.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "millrace/engine.h"

namespace millrace::engine {

namespace {

namespace fs = std::filesystem;

std::string make_folder() {
    std::string name = (fs::temp_directory_path() / "millrace-tune-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
        throw core::Error(core::ErrorCode::failed,
                          fmt::format("{}: cannot make a folder for measuring: {}; TMPDIR names another place", name,
                                      std::generic_category().message(errno)));
    }
    return name;
}

}  // namespace

WholeRuns::WholeRuns(Job job, const std::stop_token& stop) : job_(std::move(job)), stop_(stop), folder_(make_folder()) {
    job_.output.path = (fs::path(folder_) / "out").string();
    // Without an extension it does for video and for data.
    if (job_.output.format.empty()) job_.output.format = "matroska";
    job_.work_folder.clear();
    job_.run.overwrite = Overwrite::replace;
    job_.run.journal = Continue::restart;
    job_.model.tuning = Tuning::ignore;
}

WholeRuns::~WholeRuns() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
}

WholeRun WholeRuns::run(const TunedSettings& settings, std::int64_t frames) {
    Job job = job_;
    take_up(job, settings);
    job.input.frames = std::min(frames, job.input.frames.value_or(frames));
    const Report report = millrace::run(job, {}, stop_);
    WholeRun whole{settings, report.fps, report.frames.processed, 0, report.limiting_stage};
    for (const StageReport& stage : report.stages) {
        if (stage.name == "decode") whole.lanes = stage.workers;
    }
    return whole;
}

}  // namespace millrace::engine
