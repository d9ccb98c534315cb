#include "device/buffer_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include "core/error.h"

namespace millrace::device {

namespace {

constexpr std::align_val_t alignment{256};

struct AlignedDelete {
    void operator()(std::byte* data) const noexcept { ::operator delete[](data, alignment); }
};
using Memory = std::unique_ptr<std::byte[], AlignedDelete>;

Memory allocate(std::size_t bytes) { return Memory(static_cast<std::byte*>(::operator new[](bytes, alignment))); }

}  // namespace

struct BufferPool::State {
    DeviceId device;
    std::string purpose;
    std::size_t budget = 0;

    mutable std::mutex mutex;
    std::condition_variable_any returned;
    PoolUsage usage;
    std::map<std::size_t, std::vector<Memory>> idle;

    // A kept block of exactly this size, or none. Call with the mutex held.
    Memory take_idle(std::size_t bytes) {
        auto found = idle.find(bytes);
        if (found == idle.end()) return nullptr;
        Memory memory = std::move(found->second.back());
        found->second.pop_back();
        if (found->second.empty()) idle.erase(found);
        usage.idle -= bytes;
        return memory;
    }

    // Free kept blocks until `bytes` more fit. Call with the mutex held.
    bool make_room(std::size_t bytes) {
        while (usage.leased + usage.idle + bytes > budget && !idle.empty()) {
            take_idle(idle.begin()->first).reset();
        }
        return usage.leased + usage.idle + bytes <= budget;
    }

    void give_back(Memory memory, std::size_t bytes) noexcept {
        {
            const std::lock_guard lock(mutex);
            usage.leased -= bytes;
            try {
                idle[bytes].push_back(std::move(memory));
                usage.idle += bytes;
            } catch (const std::bad_alloc&) {
                memory.reset();  // not kept: the block is simply freed
            }
        }
        returned.notify_all();
    }
};

BufferPool::BufferPool(DeviceId device, std::string purpose, std::size_t budget) : state_(std::make_shared<State>()) {
    state_->device = device;
    state_->purpose = std::move(purpose);
    state_->budget = budget;
}

Block BufferPool::lease(std::size_t bytes, const std::stop_token& stop) {
    State& state = *state_;
    if (bytes > state.budget) {
        throw core::Error(core::ErrorCode::failed,
                          fmt::format("{}: {} bytes do not fit the budget of {}; raise --memory", state.purpose, bytes,
                                      state.budget));
    }
    Memory memory;
    {
        std::unique_lock lock(state.mutex);
        const bool ready = state.returned.wait(lock, stop, [&] {
            memory = state.take_idle(bytes);
            return memory != nullptr || state.make_room(bytes);
        });
        if (!ready) return {};
        state.usage.leased += bytes;
        state.usage.peak = std::max(state.usage.peak, state.usage.leased);
    }
    if (!memory) {
        try {
            memory = allocate(bytes);
        } catch (const std::bad_alloc&) {
            const std::lock_guard lock(state.mutex);
            state.usage.leased -= bytes;
            throw core::Error(core::ErrorCode::failed,
                              fmt::format("{}: out of memory asking for {} bytes", state.purpose, bytes));
        }
    }
    std::byte* data = memory.get();
    auto give_back = [keep = state_, bytes](std::byte* returned) { keep->give_back(Memory(returned), bytes); };
    return {data, bytes, std::shared_ptr<void>(std::shared_ptr<std::byte>(memory.release(), std::move(give_back)))};
}

PoolUsage BufferPool::usage() const {
    const std::lock_guard lock(state_->mutex);
    return state_->usage;
}

DeviceId BufferPool::device() const { return state_->device; }

}  // namespace millrace::device
