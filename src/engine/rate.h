#pragma once
// How fast something is by itself, on data that lie where it works.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <stop_token>
#include <thread>
#include <vector>

#include "core/error.h"
#include "device/buffer_pool.h"
#include "device/tensor.h"
#include "infer/session.h"
#include "pipeline/failure.h"
#include "pipeline/model_stage.h"
#include "pipeline/profile.h"

namespace millrace::engine {

inline constexpr std::chrono::duration<double> warm_up{0.05};  ///< of runs before those that are timed

/// Frames per second of `threads` threads that each call `work(thread)` until `time` is up; `work` returns the frames
/// that it did, 0 for no more. Throws what `work` throws, Error(interrupted).
template <class Work>
double rate_of(int threads, std::chrono::duration<double> time, const std::stop_token& stop, Work work) {
    using Clock = std::chrono::steady_clock;
    pipeline::Failure failure(stop);
    std::atomic<std::int64_t> frames{0};
    const auto begin = Clock::now();
    {
        std::vector<std::jthread> workers;
        for (int thread = 0; thread < threads; ++thread) {
            workers.emplace_back([&, thread] {
                pipeline::guarded(failure, [&] {
                    while (Clock::now() - begin < time && !failure.stop().stop_requested()) {
                        const std::int64_t done = work(thread);
                        if (done == 0) return;
                        frames += done;
                    }
                });
            });
        }
    }
    const double wall = std::chrono::duration<double>(Clock::now() - begin).count();
    failure.rethrow();
    if (stop.stop_requested()) throw core::Error(core::ErrorCode::interrupted, "measuring was interrupted");
    return static_cast<double>(frames.load()) / wall;
}

/// Values between 0 and 1, as pictures have them: a GPU is faster on zeros. `tensor` is on the host.
void fill_with_noise(const device::Tensor& tensor);

/// Runs of a session, several at once, on inputs and outputs that were there before: noise in, results thrown away.
class ResidentRuns {
  public:
    /// `session` must live as long. On a GPU `workers` is 1.
    ResidentRuns(infer::Session& session, int workers);

    /// Entries of the batch a second, over at least `time`. Throws what the session throws, Error(interrupted).
    [[nodiscard]] double rate(std::chrono::duration<double> time, const std::stop_token& stop);

    /// That all calls of rate() computed.
    [[nodiscard]] std::int64_t entries() const { return entries_; }

  private:
    void run(std::size_t worker);
    [[nodiscard]] device::Tensor noise(const core::TensorDesc& desc);
    [[nodiscard]] std::vector<device::Tensor> zeros(const std::vector<core::TensorDesc>& descs);

    infer::Session& session_;
    device::BufferPool pool_;
    pipeline::Profile profile_{pipeline::Tracing::off};  ///< nobody reads it
    std::vector<device::Tensor> inputs_;
    std::vector<std::vector<device::Tensor>> outputs_;
    std::deque<pipeline::RunsInFlight> in_flight_;
    std::atomic<std::int64_t> entries_{0};
};

}  // namespace millrace::engine
