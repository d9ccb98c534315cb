#pragma once
// Which pixel format an encoder gets, and how a picture becomes a frame of it.

#include <string>
#include <vector>

#include "core/picture_desc.h"
#include "device/picture.h"
#include "media/encoder.h"
#include "media/ffmpeg/handles.h"

namespace millrace::media::ffmpeg {

/// A pixel format of an encoder, and the picture layout that it is fed from. They differ where an encoder wants RGB or
/// deep grey in another order of bytes: make_frame() then copies.
struct EncoderFormat {
    AVPixelFormat av = AV_PIX_FMT_NONE;
    core::PixelFormat picture;
};

/// Every format of `codec` that pictures can be fed as, in the encoder's order.
[[nodiscard]] std::vector<EncoderFormat> encoder_formats(const AVCodec& codec);

/// The encoder's format for pictures of `picture`; AV_PIX_FMT_NONE where it has none.
[[nodiscard]] AVPixelFormat find_format(const AVCodec& codec, const core::PixelFormat& picture);

/// The format that loses least of `input`: colour first, then depth, then chroma resolution; nothing more than needed.
/// `formats` is not empty.
[[nodiscard]] EncoderFormat nearest_format(const std::vector<EncoderFormat>& formats, const core::PixelFormat& input);

/// The user's -pix_fmt. Throws Error(usage) with the formats that the encoder takes.
[[nodiscard]] EncoderFormat format_by_name(const AVCodec& codec, const std::string& name);

/// `picture` as a frame of `format`: on the same memory where the bytes are alike, else a copy.
[[nodiscard]] FrameHandle make_frame(const device::Picture& picture, AVPixelFormat format);

}  // namespace millrace::media::ffmpeg
