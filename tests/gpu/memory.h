#pragma once
// Memory of a GPU and of the host beside it, and the bytes in it.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/tensor_desc.h"
#include "device/buffer_pool.h"
#include "device/memory_source.h"
#include "gpu/support.h"

namespace millrace::device::test {

inline constexpr std::size_t mib = std::size_t{1} << 20U;

inline core::TensorDesc bytes_of(std::size_t bytes) { return {core::DType::uint8, {static_cast<std::int64_t>(bytes)}}; }

inline void fill(const Tensor& tensor, int value) { std::memset(tensor.data, value, tensor.desc.byte_count()); }

inline bool all_are(const Tensor& tensor, int value) {
    for (std::size_t i = 0; i < tensor.desc.byte_count(); ++i) {
        if (tensor.data[i] != static_cast<std::byte>(value)) return false;
    }
    return true;
}

struct Memory {
    BufferPool host{DeviceId{}, "host", plenty};
    BufferPool pinned{make_pinned_source(gpu), DeviceId{}, "pinned", plenty};
    BufferPool device{gpu, "device", plenty};
};

}  // namespace millrace::device::test
