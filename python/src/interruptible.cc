#include "interruptible.h"

#include <nanobind/nanobind.h>

#include <chrono>
#include <future>
#include <optional>
#include <thread>
#include <utility>

namespace millrace::python {

namespace nb = nanobind;

void check_signals() {
    if (PyErr_CheckSignals() != 0) throw nb::python_error();
}

void interruptible(const std::function<void(const std::stop_token&)>& work) {
    constexpr std::chrono::milliseconds interval{100};
    std::packaged_task<void(const std::stop_token&)> task(work);
    std::future<void> done = task.get_future();
    std::optional<std::jthread> thread(std::in_place, [&task](const std::stop_token& stop) { task(stop); });
    const auto finish = [&thread] {
        const nb::gil_scoped_release others_run;
        thread.reset();
    };
    for (;;) {
        {
            const nb::gil_scoped_release others_run;
            if (done.wait_for(interval) == std::future_status::ready) break;
        }
        try {
            check_signals();
        } catch (...) {
            finish();
            throw;
        }
    }
    finish();
    done.get();
}

}  // namespace millrace::python
