#pragma once
// NAL units of H.264 and HEVC packets.

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

namespace millrace::media {

/// Bytes of the length before each NAL unit, from avcC or hvcC extradata; 0: Annex B start codes.
[[nodiscard]] int nal_length_size_h264(std::span<const std::byte> extradata);
[[nodiscard]] int nal_length_size_hevc(std::span<const std::byte> extradata);

/// Calls `visit` with each NAL unit (header included, without start code or length) until it returns false. Damage ends
/// the walk.
void for_each_nal(std::span<const std::byte> packet, int length_size,
                  const std::function<bool(std::span<const std::byte>)>& visit);

/// The payload of a NAL unit without emulation prevention bytes (H.264 section 7.4.1), at most `limit` bytes.
[[nodiscard]] std::vector<std::byte> unescape_nal(std::span<const std::byte> payload, std::size_t limit);

/// The payload of the first SEI message of `type` in an SEI NAL unit's unescaped payload; empty when there is none
/// (H.264 section 7.3.2.3.1, HEVC 7.3.5).
[[nodiscard]] std::span<const std::byte> find_sei(std::span<const std::byte> payload, unsigned type);

}  // namespace millrace::media
