#pragma once
// The first failure ends the job.

#include <exception>
#include <functional>
#include <mutex>
#include <stop_token>
#include <utility>

namespace millrace::pipeline {

/// Keeps the first exception of any thread and stops all of them. Thread-safe.
class Failure {
  public:
    /// `outside`: a stop that the user asked for.
    explicit Failure(const std::stop_token& outside) : forward_(outside, [this] { stop_.request_stop(); }) {}

    /// Every blocking call of the run takes this.
    [[nodiscard]] std::stop_token stop() const { return stop_.get_token(); }

    /// Call in a catch block.
    void keep_current() {
        {
            const std::lock_guard lock(mutex_);
            if (!first_) first_ = std::current_exception();
        }
        stop_.request_stop();
    }

    /// Throws the first failure, if there was one. Call when all threads have joined.
    void rethrow() const {
        const std::lock_guard lock(mutex_);
        if (first_) std::rethrow_exception(first_);
    }

  private:
    std::stop_source stop_;
    mutable std::mutex mutex_;
    std::exception_ptr first_;
    std::stop_callback<std::function<void()>> forward_;
};

/// Run a thread's work; what it throws becomes the job's failure.
template <class Work>
void guarded(Failure& failure, Work&& work) noexcept {
    try {
        std::forward<Work>(work)();
    } catch (...) {
        failure.keep_current();
    }
}

}  // namespace millrace::pipeline
