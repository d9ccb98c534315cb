#pragma once
// Rows of bytes, to be copied.

#include <cstddef>

namespace millrace::device {

/// `count` rows of `bytes` each; pitches are distances of rows in bytes, at least `bytes` each.
struct Rows {
    std::byte* to = nullptr;
    std::size_t to_pitch = 0;
    const std::byte* from = nullptr;
    std::size_t from_pitch = 0;
    std::size_t bytes = 0;
    std::size_t count = 0;
};

}  // namespace millrace::device
