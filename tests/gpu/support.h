#pragma once
// What the tests for a GPU share.

#include <cstring>
#include <string>

#include "device/buffer_pool.h"
#include "device/copy.h"
#include "device/stream.h"
#include "device/tensor.h"

namespace millrace::device::test {

inline constexpr DeviceId gpu{DeviceKind::cuda, 0};
inline constexpr std::size_t plenty = std::size_t{4} << 30U;

/// The index of the first differing byte, or -1. Both are on the host.
inline std::ptrdiff_t first_difference(const Tensor& a, const Tensor& b) {
    const std::size_t bytes = a.desc.byte_count();
    if (std::memcmp(a.data, b.data, bytes) == 0) return -1;
    std::size_t i = 0;
    while (a.data[i] == b.data[i]) ++i;
    return static_cast<std::ptrdiff_t>(i);
}

}  // namespace millrace::device::test
