#pragma once
// The process that runs a script: works on the segments that the planning process gives it.

#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>

#include "core/error.h"
#include "engine/message_channel.h"
#include "engine/script.h"
#include "engine/script_states.h"
#include "millrace/job.h"

namespace millrace::engine {

struct PreparedJob;

class ScriptWorker {
  public:
    /// `socket`: inherited from the planning process, without which this process ends. Waits for the job. Throws
    /// Error(usage) where the two are of different versions.
    explicit ScriptWorker(int socket);

    [[nodiscard]] const Job& job() const { return job_; }
    /// To the planning process.
    [[nodiscard]] MessageChannel& channel() { return channel_; }
    /// The script cannot be run.
    void fail(const core::Error& error);
    /// Works until all is done, and says so; every failure is said, too. False: it failed.
    [[nodiscard]] bool run(const Script& script);
    /// What the script knows at the end of a segment. Within run(). Throws Error(no_space | failed).
    void keep_state(int segment, std::string_view state);

  private:
    void work(const Script& script);
    void load_state(const Script& script, const std::set<int>& own, PreparedJob& prepared);
    void listen(const std::stop_token& ended);

    MessageChannel channel_;
    Job job_;
    std::unique_ptr<ScriptStates> states_;  ///< null: the script has none to keep
    std::stop_source stop_;
};

}  // namespace millrace::engine
