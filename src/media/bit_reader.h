#pragma once
// Bits of headers, most significant first.

#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace::media {

/// Past the end it reads zeros; exhausted() tells.
class BitReader {
  public:
    explicit BitReader(std::span<const std::byte> data) : data_(data) {}

    [[nodiscard]] bool exhausted() const { return position_ > data_.size() * 8; }

    unsigned bit() {
        const std::size_t at = position_++;
        if (at >= data_.size() * 8) return 0;
        return (std::to_integer<unsigned>(data_[at / 8]) >> (7 - at % 8)) & 1U;
    }

    std::uint32_t bits(int count) {
        std::uint32_t value = 0;
        for (int i = 0; i < count; ++i) value = value << 1U | bit();
        return value;
    }

    /// ue(v), H.264 section 9.1.
    std::uint32_t exp_golomb() {
        int zeros = 0;
        while (zeros < 31 && !exhausted() && bit() == 0) ++zeros;
        return (1U << static_cast<unsigned>(zeros)) - 1U + bits(zeros);
    }

  private:
    std::span<const std::byte> data_;
    std::size_t position_ = 0;
};

}  // namespace millrace::media
