// Frames that are read to a GPU are those that are read to the host, to the byte.

#include "engine/clip.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "device/copy.h"
#include "gpu/frames.h"
#include "gpu/support.h"

namespace millrace::engine::test {

namespace {

using device::test::gpu;

ClipRequest request_for(const std::string& path, const std::string& device, int batch) {
    ClipRequest request;
    request.job.input.path = path;
    request.job.run.device = device;
    request.batch = batch;
    return request;
}

device::Tensor down(const device::Tensor& tensor) {
    if (device::on_host(tensor.device)) return tensor.share();
    device::BufferPool host({}, "host", device::test::plenty);
    const device::Stream stream(gpu);
    device::Tensor copy = device::copied(stream, host, tensor);
    device::synchronize(stream);
    return copy;
}

void expect_same(const pipeline::FrameBatch& there, const pipeline::FrameBatch& here) {
    EXPECT_EQ(there.tensor.device, gpu);
    EXPECT_EQ(there.numbers, here.numbers);
    EXPECT_EQ(there.pts, here.pts);
    ASSERT_EQ(there.tensor.desc, here.tensor.desc);
    EXPECT_EQ(device::test::first_difference(down(there.tensor), here.tensor), -1);
}

pipeline::FrameBatch next(pipeline::FrameStream& stream) {
    pipeline::FrameBatch batch;
    EXPECT_EQ(stream.next(batch, std::chrono::minutes(1)), pipeline::FrameStream::Next::batch);
    return batch;
}

void check(ClipRequest there_request, ClipRequest here_request) {
    SCOPED_TRACE(there_request.job.input.path);
    Clip there(there_request, {});
    Clip here(here_request, {});
    const FrameTimes times = here.times({});
    EXPECT_EQ(there.times({}).pts, times.pts);
    const auto frames = static_cast<std::int64_t>(times.pts.size());
    const auto there_stream = there.stream();
    const auto here_stream = here.stream();
    for (std::int64_t read = 0; read < frames;) {
        const pipeline::FrameBatch batch = next(*there_stream);
        expect_same(batch, next(*here_stream));
        read += static_cast<std::int64_t>(batch.numbers.size());
    }
    pipeline::FrameBatch none;
    EXPECT_EQ(there_stream->next(none, std::chrono::minutes(1)), pipeline::FrameStream::Next::ended);
    const std::vector<std::int64_t> some{frames - 1, 0, frames / 2, frames / 2 + 1, 0};
    expect_same(there.frames(some, {}), here.frames(some, {}));
}

// Of codecs whose decoding is exact by their standards; MPEG-2's is only near.
TEST(GpuClip, FramesAreThoseOfTheHost) {
    for (const char* name : {"samples/bbb.mp4", "tests/gpu/clips/h264_small.mp4", "tests/gpu/clips/vp9.webm",
                             "tests/gpu/clips/vp9_10bit.webm"}) {
        const std::string path = media::test::repository_file(name);
        check(request_for(path, "cuda", 7), request_for(path, "cpu", 7));
    }
}

TEST(GpuClip, SoAreResizedHalfFloatsAndFramesDecodedOnTheHost) {
    const std::string path = media::test::repository_file("samples/bbb.mp4");
    ClipRequest there = request_for(path, "cuda:0", 16);
    there.frames = {
        {"input.color", "bgr"}, {"input.layout", "nhwc"}, {"input.size", "[224, 200]"}, {"input.fit", "letterbox"}};
    there.dtype = core::DType::float16;
    ClipRequest here = there;
    here.job.run.device = "cpu";
    check(there, here);
    // Deinterlacing is the CPU's: pictures are copied up.
    there.job.input.deinterlace = Deinterlacing::bwdif;
    here.job.input.deinterlace = Deinterlacing::bwdif;
    check(there, here);
}

TEST(GpuClip, FewMemoryAndManyLanesDoNotStandStill) {
    const std::string path = media::test::repository_file("samples/bbb.mp4");
    ClipRequest there = request_for(path, "cuda", 2);
    there.job.run.gpu_memory = std::size_t{1} << 30U;
    there.job.run.lanes = 8;
    check(there, request_for(path, "cpu", 2));
}

}  // namespace

}  // namespace millrace::engine::test
