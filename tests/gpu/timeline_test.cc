// Work of many streams of a GPU on the same memory, in the order that timelines keep. For machines with one: elsewhere
// these fail.

#include <gtest/gtest.h>

#include <vector>

#include "core/error.h"
#include "device/timeline.h"
#include "gpu/memory.h"

namespace millrace::device::test {
namespace {

// Long copies on one stream, a reader on another: without the timeline the second would see what was there before.
TEST(GpuTimeline, AReaderOnAnotherStreamWaitsForTheWriter) {
    Memory memory;
    const Stream writer(gpu);
    const Stream reader(gpu);
    const std::size_t bytes = 96 * mib;
    const Tensor old_bytes = lease_tensor(memory.pinned, bytes_of(bytes));
    const Tensor new_bytes = lease_tensor(memory.pinned, bytes_of(bytes));
    const Tensor seen = lease_tensor(memory.pinned, bytes_of(bytes));
    fill(old_bytes, 1);
    fill(new_bytes, 2);
    const Tensor on_gpu = copied(writer, memory.device, old_bytes);
    synchronize(writer);
    Event written(gpu);
    copy(writer, new_bytes, on_gpu);
    written.record(writer);
    EXPECT_FALSE(reached(written.ref())) << "96 MiB were copied before the call returned: nothing is asynchronous";
    copy(reader, on_gpu, seen);
    synchronize(reader);
    EXPECT_TRUE(reached(written.ref()));
    EXPECT_TRUE(all_are(seen, 2));
}

TEST(GpuTimeline, MemoryGivenBackWhileReadIsNotOverwrittenByItsNextOwner) {
    Memory memory;
    BufferPool one(gpu, "one block", 64 * mib);
    const Stream slow(gpu);
    const Stream next(gpu);
    const Tensor ones = lease_tensor(memory.pinned, bytes_of(64 * mib));
    const Tensor twos = lease_tensor(memory.pinned, bytes_of(64 * mib));
    const Tensor seen = lease_tensor(memory.pinned, bytes_of(64 * mib));
    fill(ones, 1);
    fill(twos, 2);
    std::byte* place = nullptr;
    {
        const Tensor first = copied(slow, one, ones);
        place = first.data;
        copy(slow, first, seen);
    }  // given back while the copies run
    EXPECT_EQ(one.usage().leased, 0U);
    const Tensor second = copied(next, one, twos);  // leased at once: only the stream waits
    EXPECT_EQ(second.data, place);
    synchronize(next);
    synchronize(slow);
    EXPECT_TRUE(all_are(seen, 1));
}

TEST(GpuTimeline, SlotsOfABatchAreWrittenByManyStreamsAndReadByOne) {
    Memory memory;
    constexpr int slots = 6;
    constexpr std::int64_t slot_bytes = 16 << 20;
    const Tensor batch = lease_tensor(memory.device, {core::DType::uint8, {slots, slot_bytes}});
    const Tensor seen = lease_tensor(memory.pinned, batch.desc);
    std::vector<Stream> streams;
    std::vector<Tensor> sources;
    for (int i = 0; i < slots; ++i) {
        streams.emplace_back(gpu);
        sources.push_back(lease_tensor(memory.pinned, bytes_of(slot_bytes)));
        fill(sources.back(), i + 1);
    }
    for (int round = 0; round < 3; ++round) {
        for (std::size_t i = 0; i < slots; ++i) copy(streams[i], sources[i], batch.at(static_cast<std::int64_t>(i)));
        const Stream session(gpu);
        copy(session, batch, seen);
        synchronize(session);
        for (int i = 0; i < slots; ++i) EXPECT_TRUE(all_are(seen.at(i), i + 1)) << "slot " << i;
    }
}

// What an op had enqueued when it failed still uses the memory.
TEST(GpuTimeline, WorkBeforeAnExceptionIsWaitedFor) {
    Memory memory;
    const Stream stream(gpu);
    const Tensor from = lease_tensor(memory.pinned, bytes_of(96 * mib));
    const Tensor to = lease_tensor(memory.device, bytes_of(96 * mib));
    Event written(gpu);
    try {
        const Access access(stream, nullptr, to.timeline);
        Tensor unmarked = to.share();
        unmarked.timeline = nullptr;
        copy(stream, from, unmarked);
        written.record(stream);
        throw core::Error(core::ErrorCode::failed, "the second kernel");
    } catch (const core::Error&) {
        EXPECT_FALSE(reached(written.ref())) << "nothing is asynchronous";
    }
    to.timeline->before_read(host_stream());
    EXPECT_TRUE(reached(written.ref()));
}

}  // namespace
}  // namespace millrace::device::test
