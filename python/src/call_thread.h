#pragma once
// The thread that calls into a script, and how long that takes.

#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>

#include "engine/script.h"

namespace millrace::python {

/// Calls into somebody's Python, all on the one thread that serves: Python's main thread. Libraries keep things per
/// thread (torch its gradient mode, pybind11 the thread's state, which a thread that is not Python's own would get anew
/// for each call), and some work on the main thread only. No other thread of the engine calls
/// into Python; GilSampler takes the GIL to see how long that takes.
class CallThread {
  public:
    /// Runs `work` on the serving thread with the GIL, and returns when it has. Throws what it throws. Thread-safe.
    void call(const std::function<void()>& work);

    /// Does what is called, until finish(). Call without the GIL.
    void serve();
    void finish();

    /// Thread-safe.
    [[nodiscard]] engine::CallTimes times() const;
    /// A call runs, or waits for the GIL. Thread-safe.
    [[nodiscard]] bool in_call() const;

  private:
    using Clock = std::chrono::steady_clock;

    void work_on(const std::function<void()>& work);

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    const std::function<void()>* work_ = nullptr;  ///< what is to be done; null: nothing
    bool done_ = false;                            ///< it is, and whoever called has not seen that yet
    std::exception_ptr error_;
    bool finished_ = false;
    engine::CallTimes times_;  ///< of calls that have ended
    Clock::time_point began_;  ///< of the call that is running; the epoch: none is
};

}  // namespace millrace::python
