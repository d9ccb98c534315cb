// Memory and waiting beside a thread that captures a CUDA graph, as ONNX Runtime does.

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "core/error.h"
#include "gpu/support.h"
#include "ops/to_tensor.h"

namespace millrace::device::test {
namespace {

constexpr std::int64_t mib = std::int64_t{1} << 20U;

/// New memory of both kinds, a kernel that was not loaded before, copies, a stream, waiting. What went wrong, or
/// nothing.
std::string work_of_a_lane() {
    try {
        BufferPool memory(gpu, "lane", std::size_t{256} << 20U);
        BufferPool pinned(make_pinned_source(gpu), DeviceId{}, "lane", std::size_t{256} << 20U);
        const Stream stream(gpu);
        core::PictureDesc desc;
        desc.width = 322;
        desc.height = 180;
        desc.format.family = core::ColorFamily::gray;
        desc.format.log2_chroma_w = 0;
        desc.format.log2_chroma_h = 0;
        desc.color = {core::Matrix::bt709, core::Range::limited, 1, 1, core::ChromaSiting::left};
        const ops::ToTensor op(desc, {}, ops::ResizeSpec{33, 21, ops::Fit::stretch, ops::Filter::area});
        for (int i = 1; i <= 3; ++i) {
            const Picture picture = lease_picture(memory, desc);
            const Tensor tensor = lease_tensor(memory, op.output());
            op.run(stream, picture, tensor);
            const Tensor down = copied(stream, pinned, tensor);
            down.timeline->before_read(host_stream());
            const Tensor other = lease_tensor(memory, {core::DType::uint8, {i * mib}});
            copy(stream, other, lease_tensor(pinned, other.desc));
        }
        synchronize(stream);
    } catch (const core::Error& error) {
        return error.what();
    }
    return {};
}

TEST(GpuCapture, LanesWorkWhileAnotherThreadCapturesInTheModeThatForbidsIt) {
    BufferPool memory(gpu, "captured", std::size_t{64} << 20U);
    const Stream captured(gpu);
    const Tensor block = lease_tensor(memory, {core::DType::uint8, {mib}});
    synchronize(captured);
    auto* const native = static_cast<cudaStream_t>(captured.ref().native);
    ASSERT_EQ(cudaStreamBeginCapture(native, cudaStreamCaptureModeGlobal), cudaSuccess);
    EXPECT_EQ(cudaMemsetAsync(block.data, 7, mib, native), cudaSuccess);
    std::string failure;
    std::jthread([&failure] { failure = work_of_a_lane(); }).join();
    cudaGraph_t graph = nullptr;
    EXPECT_EQ(cudaStreamEndCapture(native, &graph), cudaSuccess) << "the lane spoiled the capture";
    EXPECT_EQ(failure, "");
    std::size_t nodes = 0;
    ASSERT_NE(graph, nullptr);
    EXPECT_EQ(cudaGraphGetNodes(graph, nullptr, &nodes), cudaSuccess);
    EXPECT_EQ(nodes, 1U);
    EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
}

}  // namespace
}  // namespace millrace::device::test
