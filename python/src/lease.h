#pragma once
// Memory of the engine that Python holds, and how it comes back.

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>

#include "device/tensor.h"

namespace millrace::python {

/// A tensor of the engine in the hands of Python. Whoever views its memory has a share; the last one to go hands it to
/// ReleasedLeases, on whatever thread that is.
class Lease {
  public:
    [[nodiscard]] static std::shared_ptr<Lease> of(device::Tensor tensor);

    [[nodiscard]] const device::Tensor& tensor() const { return tensor_; }
    /// False in a process that was forked from the one that has the memory: nothing works there.
    [[nodiscard]] bool here() const;
    /// Work that the engine does not know of may be enqueued on it.
    void hand_out() { handed_out_ = true; }
    /// Whoever uses the memory next waits for all that was enqueued on the GPU until now, where such work may be its.
    /// False: not marked, as somebody captures a stream there; try again later.
    [[nodiscard]] bool mark_work() const;

  private:
    friend class ReleasedLeases;
    explicit Lease(device::Tensor tensor);
    ~Lease() = default;

    device::Tensor tensor_;
    pid_t process_;
    std::atomic<bool> handed_out_ = false;
    Lease* next_ = nullptr;  ///< in ReleasedLeases
};

/// Leases that Python let go of. A deleter of DLPack may be called by any thread, from a callback of the driver, while
/// a graph is captured: it does nothing but put the lease here, without the GIL and without a lock. Thread-safe.
class ReleasedLeases {
  public:
    [[nodiscard]] static ReleasedLeases& instance();

    void put(Lease* lease) noexcept;
    /// Gives back what is here: memory of a GPU so that its next user waits for all that is enqueued on the GPU now, as
    /// nobody knows on which streams it was used. What cannot be marked, as somebody captures a stream, stays here.
    void settle();
    /// Returns when there were more than `seen` calls of put(), or wake().
    void wait(std::uint32_t seen) const { puts_.wait(seen); }
    void wake() noexcept;
    [[nodiscard]] std::uint32_t puts() const { return puts_; }
    [[nodiscard]] bool empty() const { return head_ == nullptr; }

  private:
    [[nodiscard]] static bool settle(Lease& lease);

    std::atomic<Lease*> head_ = nullptr;
    std::atomic<std::uint32_t> puts_ = 0;
};

/// A thread that settles what comes to ReleasedLeases, but not during a call into somebody's code, which might capture
/// a stream just then.
class Settler {
  public:
    Settler();
    ~Settler();
    Settler(const Settler&) = delete;
    Settler& operator=(const Settler&) = delete;
    Settler(Settler&&) = delete;
    Settler& operator=(Settler&&) = delete;

    /// Held during a call.
    [[nodiscard]] std::unique_lock<std::mutex> in_call() { return std::unique_lock(calls_); }

  private:
    void settle(const std::stop_token& stop);

    std::mutex calls_;
    std::jthread thread_;
};

}  // namespace millrace::python
