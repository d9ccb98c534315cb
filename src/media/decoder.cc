#include "media/decoder.h"

#include "core/error.h"
#include "media/ffmpeg/decoder.h"
#include "media/nvidia/decoder.h"

namespace millrace::media {

std::unique_ptr<Decoder> make_decoder(const Source& source, const DecoderOptions& options) {
    if (options.device.kind == device::DeviceKind::cuda) return nvidia::make_decoder(source, options);
    return ffmpeg::make_decoder(source, options);
}

std::optional<std::string> why_not_on_gpu(const Source& source, const DecoderOptions& options) {
    if (options.deinterlace != Deinterlace::off) return "bwdif deinterlaces on the CPU";
    try {
        return nvidia::why_not(source.info().video_stream(), options.device.index);
    } catch (const core::Error& error) {
        return error.what();
    }
}

std::size_t surface_bytes_on_gpu(const StreamInfo& stream) { return nvidia::surface_bytes(stream); }

core::PixelFormat format_on_gpu(const core::PixelFormat& host) {
    core::PixelFormat out = host;
    if (host.log2_chroma_w == 1) out.packing = core::Packing::semi_planar;
    if (host.depth > 8) out.alignment = core::Alignment::high;
    return out;
}

}  // namespace millrace::media
