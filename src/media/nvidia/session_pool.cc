#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <mutex>
#include <utility>

#include "core/clock.h"
#include "core/error.h"
#include "core/log.h"
#include "media/nvidia/session.h"

namespace millrace::media::nvidia {

namespace {

using Owned = std::unique_ptr<Session>;
using Clock = std::chrono::steady_clock;

CodedFormat room_for(const Library& library, const CodedFormat& format) {
    const CodedFormat room = roomy(format);
    return why_not(library, room).empty() ? room : format;
}

/// What a decoder is wanted for.
struct Demand {
    const Library& library;
    const CodedFormat& format;
    int surfaces;
    SurfaceBudget* budget;  ///< null: no bound

    [[nodiscard]] bool take(std::size_t bytes, std::size_t beside = 0) const {
        return budget == nullptr || budget->take(bytes, beside);
    }
    void give_back(std::size_t bytes) const {
        if (budget != nullptr) budget->give_back(bytes);
    }
    [[noreturn]] void throw_used_up() const {
        constexpr std::size_t mib = std::size_t{1} << 20U;
        throw core::Error(
            core::ErrorCode::out_of_memory,
            fmt::format("cuda:{}: a decoder for {} takes {} MiB for its {} surfaces, and {} of the {} MiB "
                        "for surfaces are in use; raise --gpu-memory or lower --lanes",
                        library.index, describe(format), surface_bytes(format, surfaces) / mib + 1, surfaces,
                        budget->used() / mib, budget->bytes() / mib));
    }
};

}  // namespace

struct SessionPool::State {
    std::mutex mutex;  ///< taken before a budget's
    std::size_t idle_at_most = 0;
    std::deque<Owned> idle;  ///< longest unused first
    PoolCounts counts;

    // What is one too many is destroyed outside the lock: that may take long.
    void put_back(Owned session, SurfaceBudget* budget) {
        Owned oldest;
        const std::scoped_lock lock(mutex);
        if (budget != nullptr) budget->give_back(session->bytes());
        idle.push_back(std::move(session));
        if (idle.size() <= idle_at_most) return;
        oldest = std::move(idle.front());
        idle.pop_front();
    }

    template <class Fits>
    Owned take(const Demand& demand, Fits fits) {
        const std::scoped_lock lock(mutex);
        const auto found = std::ranges::find_if(idle, [&](const Owned& session) {
            return &session->library() == &demand.library && fits(*session) && demand.take(session->bytes());
        });
        if (found == idle.end()) return {};
        Owned session = std::move(*found);
        idle.erase(found);
        return session;
    }

    // Takes `bytes` of the budget, and destroys idle decoders that are in the way. False where that does not help.
    bool make_room(const Demand& demand, std::size_t bytes) {
        for (;;) {
            Owned gone;
            const std::scoped_lock lock(mutex);
            std::size_t kept = 0;
            for (const Owned& session : idle) {
                if (&session->library() == &demand.library) kept += session->bytes();
            }
            if (demand.take(bytes, kept)) return true;
            if (demand.budget->used() + bytes > demand.budget->bytes()) return false;
            const auto oldest =
                std::ranges::find_if(idle, [&](const Owned& s) { return &s->library() == &demand.library; });
            if (oldest == idle.end()) return false;  // somebody else was faster
            gone = std::move(*oldest);
            idle.erase(oldest);
        }
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

    Owned reconfigured(const Demand& demand) {
        Owned session = take(demand, [&](const Session& s) { return s.has_room(demand.format, demand.surfaces); });
        if (!session) return {};
        const Clock::time_point begin = Clock::now();
        try {
            session->reconfigure(demand.format);
        } catch (const core::Error& error) {
            core::log::debug("{}; a new one is made", error.what());
            demand.give_back(session->bytes());
            return {};
        }
        add(&PoolCounts::reconfigured, &PoolCounts::reconfigure_seconds, core::seconds_since(begin));
        return session;
    }

    // With room for larger pictures where memory allows.
    Owned created(const Demand& demand) {
        const Clock::time_point begin = Clock::now();
        Owned session = made(demand, room_for(demand.library, demand.format));
        if (!session) {
            if (!make_room(demand, surface_bytes(demand.format, demand.surfaces))) demand.throw_used_up();
            session = made_of(demand, demand.format);
        }
        add(&PoolCounts::created, &PoolCounts::create_seconds, core::seconds_since(begin));
        return session;
    }

    // None where it does not fit the budget, or the device has too little memory, most likely: what is kept is then
    // destroyed.
    Owned made(const Demand& demand, const CodedFormat& room) {
        if (!make_room(demand, surface_bytes(room, demand.surfaces))) return {};
        try {
            return made_of(demand, room);
        } catch (const core::Error& error) {
            core::log::debug("{}; once more without idle decoders", error.what());
            empty();
            return {};
        }
    }

    // Its bytes are taken, and given back where it cannot be made.
    static Owned made_of(const Demand& demand, const CodedFormat& room) {
        try {
            return std::make_unique<Session>(demand.library, demand.format, room, demand.surfaces);
        } catch (...) {
            demand.give_back(surface_bytes(room, demand.surfaces));
            throw;
        }
    }
};

SessionPool::SessionPool(std::size_t idle_at_most) : state_(std::make_shared<State>()) {
    state_->idle_at_most = idle_at_most;
}

std::shared_ptr<Session> SessionPool::acquire(const Library& library, const CodedFormat& format, int surfaces,
                                              const std::shared_ptr<SurfaceBudget>& budget) {
    const Demand demand{.library = library, .format = format, .surfaces = surfaces, .budget = budget.get()};
    Owned session =
        state_->take(demand, [&](const Session& s) { return s.format() == format && s.has_room(format, surfaces); });
    if (session) {
        state_->add(&PoolCounts::reused);
    } else {
        session = state_->reconfigured(demand);
    }
    if (!session) session = state_->created(demand);
    const auto give_back = [state = state_, budget](Session* returned) {
        state->put_back(Owned(returned), budget.get());
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
