#pragma once
// The process that runs a script: works on the segments that the planning process gives it.

#include <stop_token>
#include <string>

#include "core/error.h"
#include "engine/message_channel.h"
#include "engine/script.h"
#include "millrace/job.h"

namespace millrace::engine {

class ScriptWorker {
  public:
    /// `socket`: inherited from the planning process, without which this process ends. Waits for the job. Throws
    /// Error(usage) where the two are of different versions.
    explicit ScriptWorker(int socket);

    [[nodiscard]] const Job& job() const { return job_; }
    /// The script cannot be run.
    void fail(const core::Error& error);
    /// Works until all is done, and says so; every failure is said, too. False: it failed.
    [[nodiscard]] bool run(const Script& script);

  private:
    void work(const Script& script);
    void listen(const std::stop_token& ended);

    MessageChannel channel_;
    Job job_;
    std::stop_source stop_;
};

}  // namespace millrace::engine
