#include "gil_sampler.h"

#include <fmt/format.h>
#include <nanobind/nanobind.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <string>
#include <utility>

#include "core/log.h"

namespace millrace::python {

namespace nb = nanobind;

namespace {

using Clock = std::chrono::steady_clock;
using engine::ScriptThread;

// Unequal, so that they keep step with nothing. Each costs the script two changes of threads at most.
constexpr int shortest_ms = 20;
constexpr int longest_ms = 60;

/// It has a processor, or waits for one. `path`: of proc(5), where the state stands behind the name in parentheses.
bool runs(const std::string& path) {
    std::ifstream file(path);
    std::string text;
    std::getline(file, text);
    const std::size_t name_end = text.rfind(')');
    return name_end == std::string::npos || name_end + 2 >= text.size() || text[name_end + 2] == 'R';
}

/// Whether threads other than the script's are somewhere in Python. With the GIL. Throws nb::python_error.
bool others_run_python() { return nb::len(nb::borrow(PySys_GetObject("_current_frames"))()) > 1; }

}  // namespace

GilSampler::GilSampler(std::function<bool()> in_call)
    : in_call_(std::move(in_call)),
      script_state_(fmt::format("/proc/self/task/{}/stat", ::gettid())),
      random_(std::random_device{}()),
      thread_([this](const std::stop_token& ended) { work(ended); }) {}

engine::GilWaits GilSampler::waits() const {
    const std::lock_guard lock(mutex_);
    return waits_;
}

void GilSampler::work(const std::stop_token& ended) {
    const nb::gil_scoped_acquire thread_state;  // kept for all samples: making one costs more than the lock
    try {
        while (sample(ended)) {
        }
    } catch (const nb::python_error& error) {  // an audit hook's
        core::log::debug("the GIL is not sampled any longer: {}", error.what());
    }
}

// Takes the GIL whenever it returns.
bool GilSampler::sample(const std::stop_token& ended) {
    Clock::time_point asked;
    bool script_ran = true;
    {
        const nb::gil_scoped_release others_run;
        if (!wait_for_call(ended)) return false;
        script_ran = runs(script_state_);
        asked = Clock::now();
    }
    const Clock::duration wait = Clock::now() - asked;
    const bool behind = wait > engine::noticed_wait && !script_ran && others_run_python();
    const std::lock_guard lock(mutex_);
    waits_.add(wait, behind ? ScriptThread::stood_behind_others : ScriptThread::ran);
    return true;
}

bool GilSampler::wait_for_call(const std::stop_token& ended) {
    std::uniform_int_distribution<int> milliseconds(shortest_ms, longest_ms);
    std::unique_lock lock(mutex_);
    do {
        sleep_.wait_for(lock, ended, std::chrono::milliseconds(milliseconds(random_)), [] { return false; });
        if (ended.stop_requested()) return false;
    } while (!in_call_());
    return true;
}

}  // namespace millrace::python
