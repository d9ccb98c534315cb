#include "lease.h"

#include <unistd.h>

#include <chrono>
#include <utility>

#include "core/error.h"
#include "core/log.h"

namespace millrace::python {

namespace {

constexpr std::chrono::milliseconds until_captured{1};

}  // namespace

Lease::Lease(device::Tensor tensor) : tensor_(std::move(tensor)), process_(::getpid()) {}

std::shared_ptr<Lease> Lease::of(device::Tensor tensor) {
    return {new Lease(std::move(tensor)), [](Lease* lease) {  // NOLINT(cppcoreguidelines-owning-memory)
                if (lease->here()) ReleasedLeases::instance().put(lease);
            }};
}

bool Lease::here() const { return process_ == ::getpid(); }

bool Lease::mark_work() const {
    return !handed_out_ || tensor_.timeline == nullptr || tensor_.timeline->after_all(tensor_.device);
}

ReleasedLeases& ReleasedLeases::instance() {
    static auto* const leases = new ReleasedLeases;  // NOLINT(cppcoreguidelines-owning-memory): outlives all deleters
    return *leases;
}

void ReleasedLeases::put(Lease* lease) noexcept {
    lease->next_ = head_;
    while (!head_.compare_exchange_weak(lease->next_, lease)) {
    }
    wake();
}

void ReleasedLeases::wake() noexcept {
    ++puts_;
    puts_.notify_all();
}

bool ReleasedLeases::settle(Lease& lease) {
    try {
        return lease.mark_work();
    } catch (const core::Error& error) {  // the device is lost: whoever works on it will say so
        core::log::warning("{}", error.what());
        return true;
    }
}

void ReleasedLeases::settle() {
    Lease* lease = head_.exchange(nullptr);
    while (lease != nullptr) {
        Lease* const next = lease->next_;
        if (settle(*lease)) {
            delete lease;  // NOLINT(cppcoreguidelines-owning-memory): put() took it
        } else {
            put(lease);
        }
        lease = next;
    }
}

Settler::Settler() : thread_([this](const std::stop_token& stop) { settle(stop); }) {}

Settler::~Settler() {
    thread_.request_stop();
    ReleasedLeases::instance().wake();
}

void Settler::settle(const std::stop_token& stop) {
    ReleasedLeases& leases = ReleasedLeases::instance();
    while (true) {
        const std::uint32_t seen = leases.puts();  // before the look at `stop`, whose request comes before a wake()
        if (stop.stop_requested()) return;
        {
            const std::lock_guard between_calls(calls_);
            leases.settle();
        }
        if (leases.empty()) {
            leases.wait(seen);
        } else {
            std::this_thread::sleep_for(until_captured);
        }
    }
}

}  // namespace millrace::python
