#include "running.h"

#include <cassert>
#include <chrono>

#include "app/terminal.h"

namespace millrace::python {

Running::Running(const std::vector<std::string>& arguments) : job_(parsed<app::RunCommand>(arguments).job) {
    app::find_what_a_run_needs(job_);
    thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

void Running::work(const std::stop_token& stop) noexcept {
    const auto observe = [this](const Progress& progress) {
        const std::scoped_lock lock(mutex_);
        progress_ = progress;
    };
    try {
        report_ = run(job_, observe, stop);
    } catch (...) {
        error_ = std::current_exception();
    }
    {
        const std::scoped_lock lock(mutex_);
        done_ = true;
    }
    ended_.notify_all();
}

bool Running::wait(double seconds) {
    std::unique_lock lock(mutex_);
    return ended_.wait_for(lock, std::chrono::duration<double>(seconds), [this] { return done_; });
}

Progress Running::progress() {
    const std::scoped_lock lock(mutex_);
    return progress_;
}

const Report& Running::report() {
    const std::scoped_lock lock(mutex_);
    assert(done_);
    if (error_) std::rethrow_exception(error_);
    return report_;
}

}  // namespace millrace::python
