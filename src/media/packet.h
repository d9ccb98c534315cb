#pragma once
// One compressed packet.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "core/rational.h"

namespace millrace::media {

/// A compressed packet of one stream; times in that stream's time base. Move-only; share() makes a second reader.
/// `data` lives as long as any lease on `owner`.
struct Packet {
    int stream = 0;  ///< index within the source or sink it belongs to
    std::int64_t pts = core::no_pts;
    std::int64_t dts = core::no_pts;
    std::int64_t duration = 0;
    std::int64_t position = -1;  ///< byte position in the file, -1 unknown
    bool key = false;
    bool discard = false;  ///< decoded for reference only, never shown (edit lists)
    std::span<const std::byte> data;
    std::shared_ptr<void> owner;  ///< an AVPacket where it came from FFmpeg: side data travels with it

    Packet() = default;
    Packet(Packet&&) noexcept = default;
    Packet& operator=(Packet&&) noexcept = default;
    Packet(const Packet&) = delete;
    Packet& operator=(const Packet&) = delete;
    ~Packet() = default;

    [[nodiscard]] Packet share() const;
};

}  // namespace millrace::media
