#pragma once
// Compressed packets to pictures.

#include <memory>

#include "core/outcome.h"
#include "device/picture.h"
#include "media/packet.h"
#include "media/source.h"

namespace millrace::media {

enum class Deinterlace { off, bwdif };

struct DecoderOptions {
    /// Decoder threads. Fixed by the job's settings, never by the machine: what a damaged stream decodes to depends on
    /// it. 1 decodes without threads.
    int threads = 2;
    Deinterlace deinterlace = Deinterlace::off;
};

/// Pictures come out in presentation order with the pts and duration of their packets, in the layout
/// StreamInfo::picture names (size and layout of each picture in its own desc: a stream may change midway).
/// Not thread-safe.
class Decoder {
  public:
    virtual ~Decoder() = default;

    /// Feed one packet of the video stream. accepted: the decoder keeps what it needs. full: nothing taken; call
    /// receive() first. Damaged data is no error here: it shows in PictureFlags::corrupt and in errors().
    virtual core::Feed send(const Packet& packet) = 0;
    /// No more packets: receive() then gives what is left, and end.
    virtual void finish() = 0;
    virtual core::Receive receive(device::Picture& picture) = 0;
    /// Forget everything; ready for packets from an access point.
    virtual void reset() = 0;
    /// Packets that the decoder rejected since construction.
    [[nodiscard]] virtual std::int64_t errors() const = 0;
};

/// A libavcodec decoder for the source's video stream. Throws Error(bad_input) when the installed FFmpeg has none.
[[nodiscard]] std::unique_ptr<Decoder> make_decoder(const Source& source, const DecoderOptions& options);

}  // namespace millrace::media
