#pragma once
// Frames in a GPU's memory, as NVENC takes them. Private to src/media/ffmpeg.

#include "device/picture.h"
#include "device/stream.h"
#include "media/ffmpeg/handles.h"

namespace millrace::media::ffmpeg {

using BufferHandle = UniqueHandle<AVBufferRef, av_buffer_unref>;

/// An AVHWFramesContext on the device's primary context, of frames of `desc`'s size with samples of `format`. FFmpeg
/// allocates them: NVENC refuses memory of stream-ordered pools, where our pictures are. Throws Error(failed).
[[nodiscard]] BufferHandle make_cuda_frames(device::DeviceId device, AVPixelFormat format,
                                            const core::PictureDesc& desc);

/// Makes frames of an AVHWFramesContext on a GPU out of pictures. Not thread-safe.
class CudaFrames {
  public:
    /// `frames`: a make_cuda_frames() of the same device; borrowed.
    CudaFrames(device::DeviceId device, AVBufferRef* frames);

    /// A copy of a picture of any device, with its pts and duration. The host waits for the copy alone, 10 us within a
    /// GPU: NVENC knows nothing of streams.
    [[nodiscard]] FrameHandle copy_of(const device::Picture& picture);

  private:
    AVBufferRef* frames_;
    device::Stream stream_;
    device::Event copied_;
};

}  // namespace millrace::media::ffmpeg
