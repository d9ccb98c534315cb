#include "pipeline/batcher.h"

#include <cassert>
#include <utility>

#include "device/copy.h"

namespace millrace::pipeline {

using SteadyClock = std::chrono::steady_clock;

struct Batcher::Open {
    device::Tensor input;
    std::vector<SlotOwner> owners;
    int reserved = 0;
    int committed = 0;
    bool sealed = false;  ///< no more slots are handed out
    SteadyClock::time_point begun;

    [[nodiscard]] bool complete() const { return sealed && reserved == committed; }
};

Batcher::Batcher(core::TensorDesc batch_desc, Settings settings)
    : desc_(std::move(batch_desc)),
      timeout_(settings.timeout),
      pool_(settings.device, "model input", static_cast<std::size_t>(settings.in_flight) * desc_.byte_count()) {}

std::optional<Batcher::Slot> Batcher::reserve(const std::stop_token& stop) {
    const std::lock_guard begin(begin_mutex_);
    std::unique_lock lock(mutex_);
    if (!open_) {
        lock.unlock();
        auto batch = std::make_shared<Open>();
        batch->input = device::lease_tensor(pool_, desc_, stop);
        if (!batch->input) return std::nullopt;
        batch->owners.resize(static_cast<std::size_t>(desc_.shape.front()));
        batch->begun = SteadyClock::now();
        lock.lock();
        assert(!closed_);
        open_ = batch;
        queue_.push_back(std::move(batch));
    }
    Slot slot{open_, open_->reserved++, {}};
    slot.input = open_->input.at(slot.index);
    if (open_->reserved == static_cast<int>(open_->owners.size())) seal_open();
    return slot;
}

void Batcher::commit(Slot slot, SlotOwner owner) {
    {
        const std::lock_guard lock(mutex_);
        slot.batch->owners.at(static_cast<std::size_t>(slot.index)) = std::move(owner);
        ++slot.batch->committed;
    }
    changed_.notify_all();
}

void Batcher::seal_open() {
    if (open_ == nullptr) return;
    open_->sealed = true;
    open_ = nullptr;
}

void Batcher::flush() {
    {
        const std::lock_guard lock(mutex_);
        seal_open();
    }
    changed_.notify_all();
}

void Batcher::close() {
    {
        const std::lock_guard lock(mutex_);
        seal_open();
        closed_ = true;
    }
    changed_.notify_all();
}

bool Batcher::starving() const {
    const std::lock_guard lock(mutex_);
    return waiting_ > 0 && !front_ready() && !closed_;
}

bool Batcher::front_ready() const { return !queue_.empty() && queue_.front()->complete(); }

std::optional<Batch> Batcher::pop(device::StreamRef stream, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    const auto done = [&] { return front_ready() || (closed_ && queue_.empty()); };
    ++waiting_;
    while (!done() && !stop.stop_requested()) {
        // Only the open batch can time out, and only once all its slots are written.
        const auto limit = open_ ? open_->begun + timeout_ : SteadyClock::now() + std::chrono::hours(1);
        changed_.wait_until(lock, stop, limit, [&] { return done() || (open_ && open_->begun + timeout_ < limit); });
        if (open_ && SteadyClock::now() >= open_->begun + timeout_) seal_open();
    }
    --waiting_;
    if (!front_ready()) return std::nullopt;
    const std::shared_ptr<Open> batch = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    changed_.notify_all();

    const auto used = static_cast<std::size_t>(batch->reserved);
    const std::size_t slot_bytes = desc_.byte_count() / batch->owners.size();
    device::clear(stream, batch->input, used * slot_bytes);
    batch->owners.resize(used);
    return Batch{std::move(batch->input), std::move(batch->owners)};
}

}  // namespace millrace::pipeline
