#include "call_thread.h"

#include <nanobind/nanobind.h>

#include <utility>

namespace millrace::python {

void CallThread::call(const std::function<void()>& work) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return work_ == nullptr && !done_; });
    work_ = &work;
    changed_.notify_all();
    changed_.wait(lock, [this] { return done_; });
    done_ = false;
    const std::exception_ptr error = std::exchange(error_, nullptr);
    changed_.notify_all();
    lock.unlock();
    if (error) std::rethrow_exception(error);
}

void CallThread::serve() {
    std::unique_lock lock(mutex_);
    while (true) {
        changed_.wait(lock, [this] { return work_ != nullptr || finished_; });
        if (work_ == nullptr) return;
        const std::function<void()>& work = *work_;
        lock.unlock();
        work_on(work);
        lock.lock();
        work_ = nullptr;
        done_ = true;
        changed_.notify_all();
    }
}

void CallThread::work_on(const std::function<void()>& work) {
    const Clock::time_point asked = Clock::now();
    const nanobind::gil_scoped_acquire gil;
    const Clock::time_point began = Clock::now();
    {
        const std::lock_guard lock(mutex_);
        began_ = began;
    }
    std::exception_ptr error;
    try {
        work();
    } catch (...) {  // handed to whoever called
        error = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    error_ = error;
    times_.gil_wait += std::chrono::duration<double>(began - asked).count();
    times_.inside += std::chrono::duration<double>(Clock::now() - began).count();
    ++times_.calls;
    began_ = {};
}

void CallThread::finish() {
    const std::lock_guard lock(mutex_);
    finished_ = true;
    changed_.notify_all();
}

bool CallThread::in_call() const {
    const std::lock_guard lock(mutex_);
    return work_ != nullptr;
}

engine::CallTimes CallThread::times() const {
    const std::lock_guard lock(mutex_);
    engine::CallTimes times = times_;
    if (began_ != Clock::time_point{}) times.now = std::chrono::duration<double>(Clock::now() - began_).count();
    return times;
}

}  // namespace millrace::python
