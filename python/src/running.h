#pragma once
// A run that goes on by itself, so that the thread that started it stays free for Python.

#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "app/command_line.h"
#include "millrace/engine.h"

namespace millrace::python {

/// The command that `arguments` ask for, which must be a `Command` such as app::RunCommand. Throws core::Error(usage).
template <class Command>
[[nodiscard]] Command parsed(const std::vector<std::string>& arguments) {
    return std::get<Command>(app::parse_command_line(arguments).action);
}

/// All functions are for any thread, and none needs Python's interpreter lock. The destructor stops the run and waits.
class Running {
  public:
    /// Starts; `arguments` are of the command line, "run" first. Throws core::Error(usage).
    explicit Running(const std::vector<std::string>& arguments);
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    Running(Running&&) = delete;
    Running& operator=(Running&&) = delete;
    ~Running() = default;

    /// At most `seconds`. True: the run has ended.
    [[nodiscard]] bool wait(double seconds);
    /// Asks the run to end once what is finished is safe.
    void stop() { thread_.request_stop(); }
    [[nodiscard]] Progress progress();
    /// Of a run that has ended. Throws what the run threw.
    [[nodiscard]] const Report& report();

  private:
    void work(const std::stop_token& stop) noexcept;

    Job job_;
    std::mutex mutex_;
    std::condition_variable ended_;
    Progress progress_;
    Report report_;
    std::exception_ptr error_;
    bool done_ = false;
    std::jthread thread_;  ///< last: it uses all of the above
};

}  // namespace millrace::python
