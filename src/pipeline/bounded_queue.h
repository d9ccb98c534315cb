#pragma once
// The queues between stages: bounded, closable, cancellable.

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <stop_token>
#include <utility>

#include "core/outcome.h"

namespace millrace::pipeline {

/// First in, first out. A full queue stops whoever pushes. Thread-safe.
template <class Item>
class BoundedQueue {
  public:
    explicit BoundedQueue(std::size_t capacity) : capacity_(capacity) {}

    /// Blocks while the queue holds `capacity` items. cancelled: not taken. Must not be called after close().
    core::Push push(Item item, const std::stop_token& stop) {
        {
            std::unique_lock lock(mutex_);
            if (!changed_.wait(lock, stop, [&] { return items_.size() < capacity_; })) return core::Push::cancelled;
            items_.push_back(std::move(item));
        }
        changed_.notify_all();
        return core::Push::pushed;
    }

    /// Blocks while the queue is open and empty. ended: closed, and all items were popped.
    core::Pop pop(Item& item, const std::stop_token& stop) {
        {
            std::unique_lock lock(mutex_);
            if (!changed_.wait(lock, stop, [&] { return !items_.empty() || closed_; })) return core::Pop::cancelled;
            if (items_.empty()) return core::Pop::ended;
            item = std::move(items_.front());
            items_.pop_front();
        }
        changed_.notify_all();
        return core::Pop::popped;
    }

    /// No more items will come.
    void close() {
        {
            const std::lock_guard lock(mutex_);
            closed_ = true;
        }
        changed_.notify_all();
    }

  private:
    std::size_t capacity_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::deque<Item> items_;
    bool closed_ = false;
};

}  // namespace millrace::pipeline
