#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <mutex>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "media/nvidia/session.h"

namespace millrace::media::nvidia {

namespace {

using Owned = std::unique_ptr<Session>;
using Clock = std::chrono::steady_clock;

// Sizes that decoders are made for, so that smaller streams find them fitting: 1080p and 4K, upright or not.
int roomy(int extent) {
    constexpr std::array<int, 4> steps{1088, 1920, 2304, 4096};
    const auto* const step = std::ranges::find_if(steps, [extent](int size) { return extent <= size; });
    return step == steps.end() ? extent : *step;
}

CodedFormat room_for(const Library& library, const CodedFormat& format) {
    CodedFormat room = format;
    room.width = std::max(roomy(format.width), 1920);
    room.height = std::max(roomy(format.height), 1088);
    return why_not(library, room).empty() ? room : format;
}

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

}  // namespace

struct SessionPool::State {
    std::mutex mutex;
    std::size_t idle_at_most = 0;
    std::deque<Owned> idle;  ///< longest unused first
    PoolCounts counts;

    // Destroyed by the caller, outside the lock: that may take long.
    Owned put_back(Owned session) {
        const std::scoped_lock lock(mutex);
        idle.push_back(std::move(session));
        if (idle.size() <= idle_at_most) return {};
        Owned oldest = std::move(idle.front());
        idle.pop_front();
        return oldest;
    }

    template <class Fits>
    Owned take(Fits fits) {
        const std::scoped_lock lock(mutex);
        const auto found = std::ranges::find_if(idle, fits);
        if (found == idle.end()) return {};
        Owned session = std::move(*found);
        idle.erase(found);
        return session;
    }

    void empty() {
        std::deque<Owned> gone;
        const std::scoped_lock lock(mutex);
        std::swap(gone, idle);
    }

    void add(std::int64_t PoolCounts::* count) {
        const std::scoped_lock lock(mutex);
        ++(counts.*count);
    }
    void add(std::int64_t PoolCounts::* count, double PoolCounts::* seconds, double spent) {
        const std::scoped_lock lock(mutex);
        ++(counts.*count);
        counts.*seconds += spent;
    }

    Owned reconfigured(const Library& library, const CodedFormat& format, int surfaces) {
        Owned session =
            take([&](const Owned& s) { return &s->library() == &library && s->has_room(format, surfaces); });
        if (!session) return {};
        const Clock::time_point begin = Clock::now();
        try {
            session->reconfigure(format);
        } catch (const core::Error& error) {
            core::log::debug("{}; a new one is made", error.what());
            return {};
        }
        add(&PoolCounts::reconfigured, &PoolCounts::reconfigure_seconds, seconds_since(begin));
        return session;
    }

    Owned created(const Library& library, const CodedFormat& format, int surfaces) {
        const Clock::time_point begin = Clock::now();
        Owned session;
        try {
            session = std::make_unique<Session>(library, format, room_for(library, format), surfaces);
        } catch (const core::Error& error) {
            // Too little memory, most likely: once more without what is kept, and without room.
            core::log::debug("{}; once more without idle decoders", error.what());
            empty();
            session = std::make_unique<Session>(library, format, format, surfaces);
        }
        add(&PoolCounts::created, &PoolCounts::create_seconds, seconds_since(begin));
        return session;
    }
};

SessionPool::SessionPool(std::size_t idle_at_most) : state_(std::make_shared<State>()) {
    state_->idle_at_most = idle_at_most;
}

std::shared_ptr<Session> SessionPool::acquire(const Library& library, const CodedFormat& format, int surfaces) {
    Owned session = state_->take([&](const Owned& s) {
        return &s->library() == &library && s->format() == format && s->has_room(format, surfaces);
    });
    if (session) {
        state_->add(&PoolCounts::reused);
    } else {
        session = state_->reconfigured(library, format, surfaces);
    }
    if (!session) session = state_->created(library, format, surfaces);
    const auto give_back = [state = state_](Session* returned) {
        const Owned surplus = state->put_back(Owned(returned));
    };
    return {session.release(), give_back};
}

PoolCounts SessionPool::counts() const {
    const std::scoped_lock lock(state_->mutex);
    return state_->counts;
}

void SessionPool::clear() { state_->empty(); }

SessionPool& session_pool() {
    constexpr std::size_t idle_at_most = 16;
    static auto* pool = new SessionPool(idle_at_most);
    return *pool;
}

}  // namespace millrace::media::nvidia
