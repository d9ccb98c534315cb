// Pictures that stay on the GPU for its encoder, and what is said where it has none.

extern "C" {
#include <libavutil/hwcontext.h>
}

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "gpu/support.h"
#include "media/ffmpeg/nvidia/cuda_frames.h"
#include "pipeline/picture_maker.h"

namespace millrace::device::test {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

core::PictureDesc desc_of(const core::PixelFormat& format) {
    core::PictureDesc desc;
    desc.width = 322;
    desc.height = 182;
    desc.format = format;
    desc.color = {core::Matrix::bt709, core::Range::limited, 1, 1, core::ChromaSiting::left};
    return desc;
}

/// Noise, on the host.
Picture noise(BufferPool& pool, const core::PictureDesc& desc) {
    Picture picture = lease_picture(pool, desc);
    std::mt19937 random(7);
    std::generate_n(picture.planes[0].data, picture_bytes(desc), [&] { return static_cast<std::byte>(random()); });
    picture.pts = 41;
    picture.duration = 3;
    return picture;
}

/// Whether rows that lie elsewhere on the host are a plane's of the picture. What is behind a row's end is not looked
/// at.
void expect_plane(const Picture& picture, int plane, const void* rows, std::ptrdiff_t pitch) {
    const PlaneView& view = picture.planes.at(static_cast<std::size_t>(plane));
    const auto bytes =
        static_cast<std::size_t>(core::plane_samples(picture.desc, plane) * picture.desc.format.bytes_per_sample());
    for (int y = 0; y < core::plane_rows(picture.desc, plane); ++y) {
        const std::byte* row = static_cast<const std::byte*>(rows) + y * pitch;
        ASSERT_EQ(std::memcmp(row, view.data + y * view.pitch, bytes), 0) << "plane " << plane << ", row " << y;
    }
}

/// Whether the frame, which is on the host, holds the picture's rows.
void expect_rows(const AVFrame& frame, const Picture& picture) {
    for (int plane = 0; plane < picture.desc.format.plane_count(); ++plane) {
        expect_plane(picture, plane, frame.data[plane], frame.linesize[plane]);
    }
}

void expect_rows(const Picture& found, const Picture& picture) {
    for (int plane = 0; plane < picture.desc.format.plane_count(); ++plane) {
        const PlaneView& view = found.planes.at(static_cast<std::size_t>(plane));
        expect_plane(picture, plane, view.data, view.pitch);
    }
}

// What NVENC reads, brought back by FFmpeg.
TEST(GpuFrames, HoldWhatThePictureHolds) {
    const core::PixelFormat p010{
        .depth = 10, .packing = core::Packing::semi_planar, .alignment = core::Alignment::high};
    const core::PixelFormat full{.log2_chroma_w = 0, .log2_chroma_h = 0};
    BufferPool host({}, "test", plenty);
    BufferPool memory(gpu, "test", plenty);
    const Stream stream(gpu);
    for (const auto& [av, format] :
         {std::pair{AV_PIX_FMT_YUV420P, core::PixelFormat{}}, {AV_PIX_FMT_P010, p010}, {AV_PIX_FMT_YUV444P, full}}) {
        SCOPED_TRACE(core::name(format));
        const Picture picture = noise(host, desc_of(format));
        const auto frames = media::ffmpeg::make_cuda_frames(gpu, av, picture.desc);
        media::ffmpeg::CudaFrames maker(gpu, frames.get());
        const Picture there = copied(stream, memory, picture);
        for (const Picture* from : {&there, &picture}) {
            const media::ffmpeg::FrameHandle frame = maker.copy_of(*from);
            EXPECT_EQ(frame->format, AV_PIX_FMT_CUDA);
            EXPECT_EQ(frame->pts, 41);
            const media::ffmpeg::FrameHandle back = media::ffmpeg::allocate_frame();
            ASSERT_GE(av_hwframe_transfer_data(back.get(), frame.get(), 0), 0);
            EXPECT_EQ(back->format, av);
            expect_rows(*back, picture);
        }
    }
}

TEST(GpuPictureMaker, BringsPicturesDownOnlyWhereTheyAreWantedThere) {
    pipeline::ModelPlan plan;
    const core::PictureDesc desc = desc_of({});
    plan.frame = {desc.width, desc.height};
    const core::TensorDesc tensor{core::DType::float32, {1, 3, desc.height, desc.width}};
    plan.model.outputs = {{"y", tensor}};
    BufferPool memory(gpu, "test", plenty);
    BufferPool host({}, "test", plenty);
    const Stream stream(gpu);
    std::vector<Tensor> outputs;
    outputs.push_back(lease_tensor(memory, tensor));
    clear(stream, outputs[0]);
    const auto shared = std::make_shared<const std::vector<Tensor>>(std::move(outputs));
    pipeline::PicturePools pools(gpu);
    pipeline::Profile profile(pipeline::Tracing::off);
    const auto make = [&](pipeline::Delivery delivery) {
        pipeline::PictureMaker maker(&plan, desc, pools, profile, delivery);
        Picture made = maker.make({{0, 5, 1, nullptr}, pipeline::ModelResult{0, 0, shared}});
        EXPECT_EQ(made.pts, 5);
        EXPECT_EQ(maker.nan_values(), 0);
        return made;
    };
    const Picture up = make(pipeline::Delivery::as_made);
    const Picture down = make(pipeline::Delivery::host);
    EXPECT_GT(profile.sums(pipeline::Stage::to_picture).gpu.count(), 0);  // the makers have waited for it
    EXPECT_EQ(up.device, gpu);
    EXPECT_EQ(down.device, DeviceId{});
    const Picture up_down = copied(stream, host, up);
    synchronize(stream);
    EXPECT_EQ(std::to_integer<int>(*down.planes[0].data), 16);  // black
    expect_rows(up_down, down);
}

// On a chip with NVENC it encodes, and on others it says why not.
TEST(GpuNvenc, IsThereOrSaysWhatIsMissing) {
    media::EncoderRequest request;
    media::EncoderInput input;
    input.picture = desc_of({});
    input.time_base = {1, 25};
    input.frame_rate = {25, 1};
    input.device = gpu;
    for (const char* codec : {"h264_nvenc", "hevc_nvenc"}) {
        request.codec = codec;
        try {
            const auto encoder = media::make_encoder(media::resolve_encoder(request, input));
            BufferPool memory(gpu, "test", plenty);
            BufferPool host({}, "test", plenty);
            const Stream stream(gpu);
            int packets = 0;
            media::Packet packet;
            for (int i = 0; i < 12; ++i) {
                Picture picture = copied(stream, memory, noise(host, input.picture));
                picture.pts = i;
                picture.duration = 1;
                while (encoder->send(picture, media::FrameKind::automatic) == core::Feed::full) {
                    while (encoder->receive(packet) == core::Receive::ready) ++packets;
                }
            }
            encoder->finish();
            while (encoder->receive(packet) == core::Receive::ready) ++packets;
            EXPECT_EQ(packets, 12);
        } catch (const core::Error& error) {
            EXPECT_EQ(error.code(), core::ErrorCode::usage) << error.what();
            EXPECT_THAT(error.what(), AnyOf(HasSubstr("this GPU has no NVENC"), HasSubstr("libnvidia-encode.so.1")));
            EXPECT_THAT(error.what(), HasSubstr("cuda:0 (NVIDIA"));
            std::printf("%s\n", error.what());
        }
    }
}

}  // namespace
}  // namespace millrace::device::test
