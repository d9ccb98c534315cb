#pragma once
// SIGINT, SIGTERM and SIGHUP: the first asks the work to stop, the second ends the process.

#include <atomic>
#include <stop_token>
#include <thread>

namespace millrace::app {

/// While it exists, the signals are taken by a thread of its own, so that what they start is ordinary code. To be made
/// before any other thread, which inherits that the signals are blocked. A signal that was ignored when the process
/// began (nohup) stays so. After one came they stay blocked: the process is about to end with its own exit code.
class SignalCatcher {
  public:
    SignalCatcher();
    SignalCatcher(const SignalCatcher&) = delete;
    SignalCatcher& operator=(const SignalCatcher&) = delete;
    SignalCatcher(SignalCatcher&&) = delete;
    SignalCatcher& operator=(SignalCatcher&&) = delete;
    ~SignalCatcher();

    /// Stops at the first signal.
    [[nodiscard]] std::stop_token token() const { return stop_.get_token(); }
    /// The first signal's number; 0: none came.
    [[nodiscard]] int received() const { return received_.load(); }

  private:
    void wait_for_signals();

    std::stop_source stop_;
    std::atomic<int> received_{0};
    std::atomic<bool> ending_{false};
    std::thread thread_;
};

}  // namespace millrace::app
