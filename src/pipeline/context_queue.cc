#include "pipeline/context_queue.h"

#include <utility>

namespace millrace::pipeline {

core::Push ContextQueue::give(device::Picture picture, const std::stop_token& stop) {
    {
        std::unique_lock lock(mutex_);
        const auto room = [&] { return taker_ != Taker::taking || pictures_.size() < ahead; };
        if (cut_ || !changed_.wait(lock, stop, room)) {
            cut_ = true;
            return core::Push::cancelled;
        }
        if (taker_ == Taker::gone) return core::Push::pushed;
        pictures_.push_back(std::move(picture));
    }
    changed_.notify_all();
    return core::Push::pushed;
}

void ContextQueue::close() {
    {
        const std::lock_guard lock(mutex_);
        closed_ = !cut_;
    }
    changed_.notify_all();
}

core::Pop ContextQueue::take(device::Picture& picture, const std::stop_token& stop) {
    {
        std::unique_lock lock(mutex_);
        taker_ = Taker::taking;
        if (!changed_.wait(lock, stop, [&] { return !pictures_.empty() || closed_; })) return core::Pop::cancelled;
        if (pictures_.empty()) return core::Pop::ended;
        picture = std::move(pictures_.front());
        pictures_.pop_front();
    }
    changed_.notify_all();
    return core::Pop::popped;
}

void ContextQueue::leave() {
    std::deque<device::Picture> let_go;
    {
        const std::lock_guard lock(mutex_);
        taker_ = Taker::gone;
        let_go.swap(pictures_);
    }
    changed_.notify_all();
}

}  // namespace millrace::pipeline
