// Captured work on a GPU. For machines with one: elsewhere these fail.

#include "device/graph.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "core/error.h"
#include "gpu/support.h"

namespace millrace::device::test {
namespace {

constexpr std::int64_t bytes = 1 << 20;

/// Blocks whose order the test itself keeps: captured work must not touch events that others wait for.
class GpuGraph : public ::testing::Test {
  protected:
    static Tensor block(BufferPool& pool) {
        Tensor tensor = lease_tensor(pool, {core::DType::uint8, {bytes}});
        tensor.timeline.reset();
        return tensor;
    }
    void put(const Tensor& target, int value) {
        std::memset(up.data, value, bytes);
        copy(stream, up, target);
        synchronize(stream);
    }
    int first_of(const Tensor& source) {
        copy(stream, source, down);
        synchronize(stream);
        return down.as<std::uint8_t>()[0] == down.as<std::uint8_t>()[bytes - 1] ? down.as<std::uint8_t>()[0] : -1;
    }

    Stream stream{gpu};
    BufferPool memory{gpu, "device", plenty};
    BufferPool pinned{make_pinned_source(gpu), DeviceId{}, "pinned", plenty};
    Tensor up = block(pinned);
    Tensor down = block(pinned);
    Tensor from = block(memory);
    Tensor to = block(memory);
};

TEST_F(GpuGraph, IsNotDoneWhenCapturedAndRepeatsWithWhatTheMemoryHoldsThen) {
    put(from, 1);
    put(to, 9);
    std::string reason;
    const Graph graph = Graph::capture(stream, [&] { copy(stream, from, to); }, reason);
    ASSERT_TRUE(graph) << reason;
    EXPECT_EQ(first_of(to), 9);
    graph.launch(stream);
    EXPECT_EQ(first_of(to), 1);
    put(from, 2);
    graph.launch(stream);
    EXPECT_EQ(first_of(to), 2);
    const Stream other(gpu);
    put(from, 3);
    graph.launch(other);
    synchronize(other);
    EXPECT_EQ(first_of(to), 3);
}

TEST_F(GpuGraph, KeepsNoStepsThatInvolveTheHost) {
    std::string reason;
    EXPECT_FALSE(Graph::capture(stream, [&] { copy(stream, up, to); }, reason));
    EXPECT_EQ(reason, "it has steps that involve the host");
    put(from, 4);
    EXPECT_EQ(first_of(from), 4) << "the stream must still work";
}

TEST_F(GpuGraph, WaitingForTheStreamBreaksTheCaptureAndNothingElse) {
    std::string reason;
    const auto wait_for_it = [&] {
        copy(stream, from, to);
        synchronize(stream);
    };
    EXPECT_THROW((void)Graph::capture(stream, wait_for_it, reason), core::Error);
    const auto fail = [&] {
        copy(stream, from, to);
        throw std::runtime_error("no");
    };
    EXPECT_THROW((void)Graph::capture(stream, fail, reason), std::runtime_error);
    put(from, 5);
    EXPECT_EQ(first_of(from), 5);
    const Graph graph = Graph::capture(stream, [&] { copy(stream, from, to); }, reason);
    ASSERT_TRUE(graph) << reason;
    graph.launch(stream);
    EXPECT_EQ(first_of(to), 5);
}

}  // namespace
}  // namespace millrace::device::test
