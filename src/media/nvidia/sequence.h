#pragma once
// What the parser says of a sequence, in our words. Private to src/media/nvidia.

#include <memory>

#include "device/picture.h"
#include "media/nvidia/session.h"

namespace millrace::media::nvidia {

/// Pictures of one sequence: how they lie in a session's surfaces.
struct Sequence {
    CodedFormat format;
    core::PictureDesc desc;  ///< of the part that is shown
    int left = 0;            ///< where that part begins, in luma samples
    int top = 0;
};

[[nodiscard]] CodedFormat coded_format(const CUVIDEOFORMAT& format);

/// False where the part to be shown is empty or not in the picture, which comes of damage.
[[nodiscard]] bool shows_anything(const CUVIDEOFORMAT& format);

/// Colour is the stream's; what the bitstream says of H.264 and HEVC beats what the container said, the user's beats
/// both. Asks nothing of what shows_anything() does.
[[nodiscard]] Sequence sequence_of(const CUVIDEOFORMAT& format, const StreamInfo& stream);

/// The shown part of a mapped surface. Nobody owns it: it is gone when the surface is unmapped.
[[nodiscard]] device::Picture view_of(const Mapped& mapped, int surface_height, const Sequence& sequence,
                                      device::DeviceId device);

}  // namespace millrace::media::nvidia
