#pragma once
// Packets in the form that a hardware parser takes.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "media/packet.h"
#include "media/source.h"

namespace millrace::media {

/// Rewrites packets without decoding. Not thread-safe.
class PacketFilter {
  public:
    virtual ~PacketFilter() = default;

    /// Bytes that a parser must see before the first packet: parameter sets, sequence headers. May be empty.
    [[nodiscard]] virtual std::vector<std::byte> headers() const = 0;
    /// Takes a packet; then receive() until it gives none. Nothing comes of one whose bytes make no sense.
    virtual void send(const Packet& packet) = 0;
    /// The next packet of what was sent; false: none left.
    virtual bool receive(Packet& packet) = 0;
    /// Forget everything; ready for packets from anywhere.
    virtual void reset() = 0;
    /// Packets that made no sense, since construction.
    [[nodiscard]] virtual std::int64_t errors() const = 0;
};

/// What NVDEC's parser takes of the source's video stream: start codes in H.264 and HEVC, one picture a packet in
/// MPEG-4; others as they are. The source is one of open_source(), and outlives the call only.
[[nodiscard]] std::unique_ptr<PacketFilter> make_parser_filter(const Source& source);

}  // namespace millrace::media
