#pragma once
// Whether a script stands behind other threads of Python.

#include <condition_variable>
#include <functional>
#include <mutex>
#include <random>
#include <stop_token>
#include <string>
#include <thread>

#include "engine/gil_waits.h"

namespace millrace::python {

/// While a call into the script runs, a thread of this asks for the GIL every 40 ms or so and takes down how long it
/// waits: it is where any other thread of Python would be, and what the script's own stands behind shows in the state
/// that the kernel gives for that. Nothing of Python says who has the lock.
class GilSampler {
  public:
    /// Made on the script's thread. `in_call`: thread-safe; true while that thread is in a call or wants to be.
    explicit GilSampler(std::function<bool()> in_call);
    /// Without the GIL, which the sampling thread may be waiting for.
    ~GilSampler() = default;
    GilSampler(const GilSampler&) = delete;
    GilSampler& operator=(const GilSampler&) = delete;
    GilSampler(GilSampler&&) = delete;
    GilSampler& operator=(GilSampler&&) = delete;

    /// Thread-safe.
    [[nodiscard]] engine::GilWaits waits() const;

  private:
    void work(const std::stop_token& ended);
    /// False: ended.
    bool sample(const std::stop_token& ended);
    bool wait_for_call(const std::stop_token& ended);

    std::function<bool()> in_call_;
    std::string script_state_;  ///< the kernel's file about the script's thread
    std::minstd_rand random_;
    mutable std::mutex mutex_;
    std::condition_variable_any sleep_;
    engine::GilWaits waits_;
    std::jthread thread_;  ///< last: it uses all of the above
};

}  // namespace millrace::python
