#include "media/ffmpeg/nvidia/cuda_frames.h"

// clang-format off: the second needs the first, which stands for cuda.h
#include <ffnvcodec/dynlink_cuda.h>
extern "C" {
#include <libavutil/hwcontext.h>
#include <libavutil/hwcontext_cuda.h>
}
// clang-format on

#include <fmt/core.h>

#include <new>

#include "core/error.h"
#include "device/copy.h"
#include "media/ffmpeg/convert.h"
#include "media/nvidia/context.h"

namespace millrace::media::ffmpeg {

namespace {

void check(int result, const char* api, device::DeviceId device) {
    if (result >= 0) return;
    throw core::Error(core::ErrorCode::failed,
                      fmt::format("{}: {} failed: {}", device::to_string(device), api, error_text(result)));
}

// FFmpeg's own way to the primary context refuses one that is in use with other flags, as the CUDA runtime's is.
BufferHandle make_device(device::DeviceId device) {
    BufferHandle made(av_hwdevice_ctx_alloc(AV_HWDEVICE_TYPE_CUDA));
    if (!made) {
        throw core::Error(core::ErrorCode::failed,
                          fmt::format("{}: the installed FFmpeg was built without CUDA", device::to_string(device)));
    }
    auto* context = reinterpret_cast<AVHWDeviceContext*>(made->data);
    static_cast<AVCUDADeviceContext*>(context->hwctx)->cuda_ctx =
        static_cast<CUcontext>(nvidia::primary_context(device.index));
    check(av_hwdevice_ctx_init(made.get()), "av_hwdevice_ctx_init", device);
    return made;
}

}  // namespace

BufferHandle make_cuda_frames(device::DeviceId device, AVPixelFormat format, const core::PictureDesc& desc) {
    const BufferHandle on = make_device(device);
    BufferHandle made(av_hwframe_ctx_alloc(on.get()));
    if (!made) throw std::bad_alloc();
    auto* frames = reinterpret_cast<AVHWFramesContext*>(made->data);
    frames->format = AV_PIX_FMT_CUDA;
    frames->sw_format = format;
    frames->width = desc.width;
    frames->height = desc.height;
    check(av_hwframe_ctx_init(made.get()), "av_hwframe_ctx_init", device);
    return made;
}

CudaFrames::CudaFrames(device::DeviceId device, AVBufferRef* frames)
    : frames_(frames), stream_(device), copied_(device) {}

FrameHandle CudaFrames::copy_of(const device::Picture& picture) {
    FrameHandle frame = allocate_frame();
    check(av_hwframe_get_buffer(frames_, frame.get(), 0), "av_hwframe_get_buffer", stream_.ref().device);
    FrameHandle lease(av_frame_clone(frame.get()));
    if (!lease) throw std::bad_alloc();
    device::Picture copy = to_picture(std::move(lease), picture.desc).value();
    copy.device = stream_.ref().device;
    device::copy(stream_, picture, copy);
    copied_.record(stream_);
    device::wait(device::host_stream(), copied_.ref());
    frame->pts = picture.pts;
    set_frame_duration(*frame, picture.duration);
    return frame;
}

}  // namespace millrace::media::ffmpeg
