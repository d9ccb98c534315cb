// Memory of devices, and host memory that they copy from and to.

#include <cuda_runtime_api.h>

#include <cassert>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "device/cuda/check.h"
#include "device/cuda/runtime.h"

namespace millrace::device::cuda {

namespace {

// Kept beyond what is leased, for blocks that come and go outside the pools' own lists (the ops' tables).
constexpr std::uint64_t release_threshold = std::uint64_t{64} << 20U;

// One pool and one stream for each device, on which blocks are made and freed in order. Never destroyed: leases may be
// given back while the process ends, after the runtime is gone.
class Arena {
  public:
    explicit Arena(int index) : index_(index) {
        const CurrentDevice current(index);
        cudaMemPoolProps properties{};
        properties.allocType = cudaMemAllocationTypePinned;
        properties.location = {cudaMemLocationTypeDevice, index};
        check(cudaMemPoolCreate(&pool_, &properties), "cudaMemPoolCreate", index);
        std::uint64_t threshold = release_threshold;
        check(cudaMemPoolSetAttribute(pool_, cudaMemPoolAttrReleaseThreshold, &threshold), "cudaMemPoolSetAttribute",
              index);
        stream_ = {{DeviceKind::cuda, index}, create_stream(index)};
    }

    Storage allocate(std::size_t bytes) {
        const BesideCaptures beside;
        void* data = nullptr;
        cudaError_t result = allocate_now(data, bytes);
        if (result == cudaErrorMemoryAllocation) {
            // What was freed lately may not be back yet, or lie in pieces of other sizes.
            check(cudaStreamSynchronize(native(stream_)), "cudaStreamSynchronize", index_);
            check(cudaMemPoolTrimTo(pool_, 0), "cudaMemPoolTrimTo", index_);
            result = allocate_now(data, bytes);
        }
        if (result == cudaErrorMemoryAllocation) return {};
        check(result, "cudaMallocFromPoolAsync", index_);
        auto timeline = std::make_shared<Timeline>();
        timeline->after_write(stream_);
        return {static_cast<std::byte*>(data), bytes, std::move(timeline)};
    }

    void release(const Storage& storage) noexcept {
        const BesideCaptures beside;
        try {
            storage.timeline->before_all(stream_);
            check(cudaFreeAsync(storage.data, native(stream_)), "cudaFreeAsync", index_);
        } catch (...) {  // NOLINT(bugprone-empty-catch): noted; the memory goes with the process
        }
    }

  private:
    cudaError_t allocate_now(void*& data, std::size_t bytes) {
        const cudaError_t result = cudaMallocFromPoolAsync(&data, bytes, pool_, native(stream_));
        if (result != cudaSuccess) static_cast<void>(cudaGetLastError());
        return result;
    }

    int index_;
    cudaMemPool_t pool_ = nullptr;
    StreamRef stream_;
};

Arena& arena(int index) {
    static std::mutex mutex;
    static auto* arenas = new std::map<int, Arena>();
    const std::scoped_lock lock(mutex);
    return arenas->try_emplace(index, index).first->second;
}

class DeviceSource final : public MemorySource {
  public:
    explicit DeviceSource(int index) : arena_(arena(index)) {}
    Storage allocate(std::size_t bytes) override { return arena_.allocate(bytes); }
    void release(Storage storage) noexcept override { arena_.release(storage); }
    [[nodiscard]] const char* option() const override { return "--gpu-memory"; }

  private:
    Arena& arena_;
};

class PinnedSource final : public MemorySource {
  public:
    explicit PinnedSource(int index) : index_(index) {}

    Storage allocate(std::size_t bytes) override {
        const CurrentDevice current(index_);
        const BesideCaptures beside;
        void* data = nullptr;
        const cudaError_t result = cudaHostAlloc(&data, bytes, cudaHostAllocPortable);
        if (result == cudaErrorMemoryAllocation) {
            static_cast<void>(cudaGetLastError());
            return {};
        }
        check(result, "cudaHostAlloc", index_);
        return {static_cast<std::byte*>(data), bytes, std::make_shared<Timeline>()};
    }

    void release(Storage storage) noexcept override {
        try {
            storage.timeline->before_all(host_stream());
        } catch (...) {  // NOLINT(bugprone-empty-catch): noted; a lost device copies nothing any more
        }
        const BesideCaptures beside;
        note(cudaFreeHost(storage.data), index_);
    }

    [[nodiscard]] const char* option() const override { return "--memory"; }

  private:
    int index_;
};

}  // namespace

std::unique_ptr<MemorySource> device_memory(int index) { return std::make_unique<DeviceSource>(index); }

std::unique_ptr<MemorySource> pinned_memory(int index) { return std::make_unique<PinnedSource>(index); }

}  // namespace millrace::device::cuda
