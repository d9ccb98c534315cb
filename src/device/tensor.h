#pragma once
// One tensor in memory.

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/tensor_desc.h"
#include "device/buffer_pool.h"
#include "device/device.h"

namespace millrace::device {

/// A lease on a compact, row-major tensor on a device. Move-only; share() and at() make further leases on the memory.
struct Tensor {
    core::TensorDesc desc;
    DeviceId device;
    std::byte* data = nullptr;
    std::shared_ptr<void> owner;
    TimelinePtr timeline;  ///< of the whole block, also for at(); null where only the host touches the memory

    Tensor() = default;
    Tensor(Tensor&&) noexcept = default;
    Tensor& operator=(Tensor&&) noexcept = default;
    Tensor(const Tensor&) = delete;
    Tensor& operator=(const Tensor&) = delete;
    ~Tensor() = default;

    [[nodiscard]] explicit operator bool() const { return owner != nullptr; }
    [[nodiscard]] Tensor share() const;
    /// The `index`-th entry of the first dimension: [N, C, H, W] gives a [C, H, W] of the same memory.
    [[nodiscard]] Tensor at(std::int64_t index) const;

    template <class T>
    [[nodiscard]] T* as() const {
        return reinterpret_cast<T*>(data);  // NOLINT(cppcoreguidelines-pro-type-reinterpret-cast)
    }
};

/// An uninitialised tensor from `pool`. Empty when stopped.
[[nodiscard]] Tensor lease_tensor(BufferPool& pool, const core::TensorDesc& desc, const std::stop_token& stop = {});

}  // namespace millrace::device
