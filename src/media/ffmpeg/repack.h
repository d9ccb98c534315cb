#pragma once
// Delivering what decoders give in a layout the rest of Millrace knows.

#include <string>

#include "core/picture_desc.h"
#include "media/ffmpeg/handles.h"

namespace millrace::media::ffmpeg {

/// How frames of one of FFmpeg's layouts are delivered.
struct Delivery {
    core::PixelFormat format;
    AVPixelFormat av = AV_PIX_FMT_NONE;  ///< `format` in FFmpeg's words; the source's own: nothing to do
    std::string note;      ///< empty, or what the change does ("rgba: delivered as gbrp, alpha is dropped")
    bool possible = true;  ///< false for layouts without plain integer samples (float, Bayer, XYZ)
};

/// The supported layout nearest to `format`: same components, depth 8, 10 or 12, chroma at least as fine up to 4:2:0.
/// AV_PIX_FMT_NONE (unknown before decoding) counts as yuv420p.
[[nodiscard]] Delivery choose_delivery(AVPixelFormat format);

/// A new frame in the layout of `delivery`, with the properties (times, flags, colour) of `frame`. Sample values are
/// kept; where the depth changes, limited range is shifted (H.273 equations 35 to 37: the ranges scale by powers of
/// two) and full range, RGB and grey are scaled by (2^to - 1) / (2^from - 1), both to nearest. Coarser chroma is
/// repeated. Plain integer arithmetic: the same on every machine. Throws Error(bad_input) when the delivery is not
/// possible.
[[nodiscard]] FrameHandle repack(const AVFrame& frame, const Delivery& delivery);

}  // namespace millrace::media::ffmpeg
