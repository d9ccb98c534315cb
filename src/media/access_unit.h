#pragma once
// What a compressed picture says of itself, without decoding it.

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace millrace::media {

/// Facts of one packet.
struct AccessUnit {
    bool random_access = false;    ///< a decoder may begin here
    bool gradual_refresh = false;  ///< a recovery point that needs further frames
    bool uncertain = false;        ///< how many pictures it gives is only known by decoding
    int shown = 1;                 ///< pictures to show
};

/// Reads the packets of one stream, in decode order. Not thread-safe.
class AccessUnitScanner {
  public:
    virtual ~AccessUnitScanner() = default;
    /// `key`: what the container says.
    virtual AccessUnit scan(std::span<const std::byte> data, bool key) = 0;
};

/// A scanner for FFmpeg's codec name; null where Millrace does not know at which packets that codec can be entered.
/// `extradata` as the container has it (avcC, hvcC, Annex B, ...).
[[nodiscard]] std::unique_ptr<AccessUnitScanner> make_access_unit_scanner(const std::string& codec,
                                                                          std::span<const std::byte> extradata);

}  // namespace millrace::media
