#pragma once
// Compressed packets to pictures.

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "core/outcome.h"
#include "device/buffer_pool.h"
#include "device/device.h"
#include "device/picture.h"
#include "media/packet.h"
#include "media/source.h"
#include "media/surface_budget.h"

namespace millrace::media {

enum class Deinterlace { off, bwdif };

struct DecoderOptions {
    /// Decoder threads. Fixed by the job's settings, never by the machine: what a damaged stream decodes to depends on
    /// it. 1 decodes without threads.
    int threads = 2;
    Deinterlace deinterlace = Deinterlace::off;
    /// Where pictures are decoded and delivered. cuda: by NVDEC; ask why_not_on_gpu() first.
    device::DeviceId device{};
    /// cuda: where pictures get their memory from, of that device; outlives the decoder. Its budget must hold a few
    /// pictures a lane: a lane waits in receive() for memory, and holds none meanwhile.
    device::BufferPool* pictures = nullptr;
    /// cuda: bounds the surfaces that the chip decodes into, 10 to 30 pictures a lane, of 1920x1088 or 4096x2304 where
    /// they fit, so that other files can use them, too. Decoding throws Error(out_of_memory) where those of a stream do
    /// not. Null: no bound.
    std::shared_ptr<SurfaceBudget> surfaces{};
    /// cuda: ends that waiting; receive() then gives end.
    std::stop_token stop{};
};

/// Pictures come out in presentation order with the pts and duration of their packets, in the layout
/// StreamInfo::picture names, on a GPU in format_on_gpu() of that (size and layout of each picture in its own desc: a
/// stream may change midway).
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

/// A decoder for the source's video stream: libavcodec's on the host, NVDEC on a GPU. Throws Error(bad_input) when the
/// installed FFmpeg has none, or NVDEC cannot decode the stream; Error(failed) in a build without CUDA.
[[nodiscard]] std::unique_ptr<Decoder> make_decoder(const Source& source, const DecoderOptions& options);

/// Why `options.device`, a GPU, cannot decode the source's video stream to what the CPU would make of it, in one line:
/// "cuda:0: NVDEC does not decode h264 4:2:2 8-bit", "cuda:0: built without CUDA". nullopt: it can, as far as the
/// container says. Thread-safe.
[[nodiscard]] std::optional<std::string> why_not_on_gpu(const Source& source, const DecoderOptions& options);

/// Bytes of surfaces that a lane on a GPU takes for the stream at the most, by its size in the container. 0: none.
[[nodiscard]] std::size_t surface_bytes_on_gpu(const StreamInfo& stream);

/// The layout in which a GPU delivers what the CPU delivers as `host`: semi-planar where chroma is halved, deep samples
/// in the high bits.
[[nodiscard]] core::PixelFormat format_on_gpu(const core::PixelFormat& host);

}  // namespace millrace::media
