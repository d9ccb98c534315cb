#include "device/buffer_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "core/error.h"

namespace millrace::device {

struct BufferPool::State {
    State(std::unique_ptr<MemorySource> memory, DeviceId on, std::string use, std::size_t bytes)
        : source(std::move(memory)), device(on), purpose(std::move(use)), budget(bytes) {}
    ~State() {
        for (auto& [bytes, blocks] : idle) {
            for (Storage& storage : blocks) source->release(std::move(storage));
        }
    }
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    State(State&&) = delete;
    State& operator=(State&&) = delete;

    std::unique_ptr<MemorySource> source;
    DeviceId device;
    std::string purpose;
    std::size_t budget;

    mutable std::mutex mutex;
    std::condition_variable_any returned;
    PoolUsage usage;
    std::map<std::size_t, std::vector<Storage>> idle;

    // A kept block of exactly this size, or none. Call with the mutex held.
    std::optional<Storage> take_idle(std::size_t bytes) {
        auto found = idle.find(bytes);
        if (found == idle.end()) return std::nullopt;
        Storage storage = std::move(found->second.back());
        found->second.pop_back();
        if (found->second.empty()) idle.erase(found);
        usage.idle -= bytes;
        return storage;
    }

    // Free kept blocks until `bytes` more fit. Call with the mutex held.
    bool make_room(std::size_t bytes) {
        while (usage.leased + usage.idle + bytes > budget && !idle.empty()) {
            source->release(*take_idle(idle.begin()->first));
        }
        return usage.leased + usage.idle + bytes <= budget;
    }

    void give_back(Storage storage) noexcept {
        {
            const std::lock_guard lock(mutex);
            const std::size_t bytes = storage.bytes;
            usage.leased -= bytes;
            try {
                idle[bytes].push_back(std::move(storage));
                usage.idle += bytes;
            } catch (const std::bad_alloc&) {
                if (const auto empty = idle.find(bytes); empty != idle.end() && empty->second.empty())
                    idle.erase(empty);
                source->release(std::move(storage));  // not kept: the block is simply freed
            }
        }
        returned.notify_all();
    }

    void take_back_count(std::size_t bytes) {
        {
            const std::lock_guard lock(mutex);
            usage.leased -= bytes;
        }
        returned.notify_all();
    }

    // Memory for a lease that is counted already.
    Storage allocate(std::size_t bytes) {
        Storage storage;
        try {
            storage = source->allocate(bytes);
        } catch (...) {
            take_back_count(bytes);
            throw;
        }
        if (storage.data != nullptr) return storage;
        take_back_count(bytes);
        throw core::Error(core::ErrorCode::out_of_memory,
                          fmt::format("{}: out of memory asking for {} bytes", purpose, bytes));
    }
};

BufferPool::BufferPool(DeviceId device, std::string purpose, std::size_t budget)
    : BufferPool(make_memory_source(device), device, std::move(purpose), budget) {}

BufferPool::BufferPool(std::unique_ptr<MemorySource> source, DeviceId device, std::string purpose, std::size_t budget)
    : state_(std::make_shared<State>(std::move(source), device, std::move(purpose), budget)) {}

Block BufferPool::lease(std::size_t bytes, const std::stop_token& stop) {
    State& state = *state_;
    if (bytes > state.budget) {
        throw core::Error(core::ErrorCode::out_of_memory,
                          fmt::format("{}: {} bytes do not fit the budget of {}; raise {}", state.purpose, bytes,
                                      state.budget, state.source->option()));
    }
    std::optional<Storage> storage;
    {
        std::unique_lock lock(state.mutex);
        const bool ready = state.returned.wait(lock, stop, [&] {
            storage = state.take_idle(bytes);
            return storage.has_value() || state.make_room(bytes);
        });
        if (!ready) return {};
        state.usage.leased += bytes;
        state.usage.peak = std::max(state.usage.peak, state.usage.leased);
    }
    if (!storage) storage = state.allocate(bytes);
    Block block{storage->data, bytes, nullptr, storage->timeline};
    auto give_back = [keep = state_, timeline = storage->timeline, bytes](std::byte* data) {
        keep->give_back({data, bytes, timeline});
    };
    block.owner = std::shared_ptr<std::byte>(storage->data, std::move(give_back));
    // Owned before it is asked: a lost device answers with an error.
    if (block.timeline) block.timeline->renew();
    return block;
}

PoolUsage BufferPool::usage() const {
    const std::lock_guard lock(state_->mutex);
    return state_->usage;
}

DeviceId BufferPool::device() const { return state_->device; }

}  // namespace millrace::device
