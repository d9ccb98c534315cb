#pragma once
// A process of a run, which ends when the run does.

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace millrace::engine {

/// Runs until it ends by itself, or is killed by the destructor. In a process group of its own, so that a key at the
/// terminal reaches the run alone. Its standard input is empty, its standard output is our standard error.
class ChildProcess {
  public:
    /// `words`: the program, found in PATH, and its arguments. `socket` is inherited as `socket_in_child`. Throws
    /// Error(usage) that names the program.
    ChildProcess(const std::vector<std::string>& words, int socket);
    ~ChildProcess();
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;
    ChildProcess(ChildProcess&&) = delete;
    ChildProcess& operator=(ChildProcess&&) = delete;

    static constexpr int socket_in_child = 3;

    /// How it ended, in words ("ended with exit code 1", "was killed by signal 9"), waiting at most `timeout` for that;
    /// nullopt: it runs.
    [[nodiscard]] std::optional<std::string> ended(std::chrono::milliseconds timeout);

  private:
    pid_t pid_ = -1;
    std::optional<std::string> ended_;
};

}  // namespace millrace::engine
