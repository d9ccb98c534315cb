// Streams, events, memory and copies of a GPU. For machines with one: elsewhere these fail.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <numeric>
#include <optional>
#include <thread>
#include <vector>

#include "core/error.h"
#include "device/cuda/activity.h"
#include "device/cuda/probe.h"
#include "device/cuda/runtime.h"
#include "gpu/support.h"
#include "ops/to_tensor.h"

namespace millrace::device::test {
namespace {

constexpr std::size_t mib = std::size_t{1} << 20U;

core::TensorDesc bytes_of(std::size_t bytes) { return {core::DType::uint8, {static_cast<std::int64_t>(bytes)}}; }

void fill(const Tensor& tensor, int value) { std::memset(tensor.data, value, tensor.desc.byte_count()); }

bool all_are(const Tensor& tensor, int value) {
    for (std::size_t i = 0; i < tensor.desc.byte_count(); ++i) {
        if (tensor.data[i] != static_cast<std::byte>(value)) return false;
    }
    return true;
}

struct Memory {
    BufferPool host{DeviceId{}, "host", plenty};
    BufferPool pinned{make_pinned_source(gpu), DeviceId{}, "pinned", plenty};
    BufferPool device{gpu, "device", plenty};
};

TEST(GpuDevice, TellsWhatItIs) {
    const std::vector<CudaDeviceInfo> devices = cuda_devices();
    ASSERT_FALSE(devices.empty());
    const CudaMemory memory = cuda_memory(0);
    EXPECT_GT(devices[0].multiprocessors, 0);
    EXPECT_GT(devices[0].copy_engines, 0);
    EXPECT_GT(memory.free_bytes, 0U);
    EXPECT_LE(memory.free_bytes, memory.total_bytes);
    std::cout << "device: " << devices[0].name << ", " << devices[0].multiprocessors << " SMs, "
              << memory.total_bytes / mib << " MiB, " << memory.free_bytes / mib << " MiB free, "
              << devices[0].copy_engines << " copy engines\n";
}

TEST(GpuDevice, CopiesUpAcrossAndDown) {
    Memory memory;
    const Stream stream(gpu);
    for (const std::size_t bytes : {std::size_t{1}, std::size_t{257}, 5 * mib + 3}) {
        const Tensor from = lease_tensor(memory.host, bytes_of(bytes));
        for (std::size_t i = 0; i < bytes; ++i) from.data[i] = static_cast<std::byte>(i * 7919 >> 8U);
        const Tensor up = copied(stream, memory.device, from);
        EXPECT_EQ(up.device, gpu);
        const Tensor across = copied(stream, memory.device, up);
        const Tensor down = copied(stream, memory.pinned, across);
        synchronize(stream);
        EXPECT_EQ(first_difference(from, down), -1);
    }
}

TEST(GpuDevice, CopiesPlanesOfDifferentPitches) {
    Memory memory;
    const Stream stream(gpu);
    core::PictureDesc desc;
    desc.width = 133;
    desc.height = 37;
    desc.format.packing = core::Packing::semi_planar;
    desc.format.depth = 10;
    const Picture from = lease_picture(memory.pinned, desc);
    const Picture on_gpu = lease_picture(memory.device, desc);
    Picture back = lease_picture(memory.pinned, desc);
    std::memset(back.planes[0].data, 0x33, picture_bytes(desc));
    for (std::size_t i = 0; i < picture_bytes(desc); ++i) from.planes[0].data[i] = static_cast<std::byte>(i * 31);
    back.planes[0].pitch = 266;
    copy(stream, from, on_gpu);
    copy(stream, on_gpu, back);
    back.timeline->before_read(host_stream());
    for (int plane = 0; plane < 2; ++plane) {
        const auto p = static_cast<std::size_t>(plane);
        const auto row = 2 * static_cast<std::size_t>(core::plane_samples(desc, plane));
        for (int y = 0; y < core::plane_rows(desc, plane); ++y) {
            ASSERT_EQ(std::memcmp(from.planes.at(p).data + y * from.planes.at(p).pitch,
                                  back.planes.at(p).data + y * back.planes.at(p).pitch, row),
                      0)
                << "plane " << plane << " row " << y;
        }
    }
    EXPECT_EQ(back.planes[0].data[266L * 37], std::byte{0x33}) << "wrote beyond the plane";
}

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

TEST(GpuPool, HandsOutAReturnedBlockAgainAndCountsIt) {
    BufferPool pool(gpu, "device blocks", 10 * mib);
    std::byte* place = pool.lease(3 * mib).data;
    EXPECT_EQ(pool.usage().idle, 3 * mib);
    const Block again = pool.lease(3 * mib);
    EXPECT_EQ(again.data, place);
    EXPECT_NE(again.timeline, nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(again.data) % 256, 0U);  // NOLINT(*-reinterpret-cast)
    EXPECT_EQ(pool.usage().idle, 0U);
    EXPECT_EQ(pool.usage().peak, 3 * mib);
}

TEST(GpuPool, StaysWithinItsBudgetWhenSizesChange) {
    const std::size_t before = cuda_memory(0).free_bytes;
    BufferPool pool(gpu, "device blocks", 64 * mib);
    const Stream stream(gpu);
    for (std::size_t round = 0; round < 40; ++round) {
        const Block block = pool.lease((round % 60 + 3) * mib);
        const PoolUsage usage = pool.usage();
        ASSERT_LE(usage.leased + usage.idle, 64 * mib);
    }
    synchronize(stream);
    const std::size_t after = cuda_memory(0).free_bytes;
    // The runtime keeps up to 64 MiB of its own and rounds blocks up.
    EXPECT_LT(before - std::min(before, after), 64 * mib + 64 * mib + 64 * mib);
    std::cout << "pool of 64 MiB: device memory in use grew by " << (before - std::min(before, after)) / mib
              << " MiB\n";
}

TEST(GpuPool, ALeaseLargerThanTheBudgetNamesTheOption) {
    BufferPool pool(gpu, "frames", mib);
    try {
        (void)pool.lease(mib + 1);
        FAIL() << "no error";
    } catch (const core::Error& error) {
        EXPECT_STREQ(error.what(), "frames: 1048577 bytes do not fit the budget of 1048576; raise --gpu-memory");
    }
}

TEST(GpuPool, ADeviceWithoutMemoryLeftIsAnErrorAndNothingIsCounted) {
    BufferPool pool(gpu, "frames", std::size_t{1} << 50U);
    try {
        (void)pool.lease(std::size_t{1} << 45U);
        FAIL() << "no error";
    } catch (const core::Error& error) {
        EXPECT_EQ(std::string(error.what()).find("frames: out of memory asking for"), 0U) << error.what();
    }
    EXPECT_EQ(pool.usage().leased, 0U);
    EXPECT_NE(pool.lease(mib).data, nullptr) << "the device must still work";
    EXPECT_FALSE(cuda_lost(0));
}

TEST(GpuPool, BlocksUntilAnotherThreadGivesBackAndStops) {
    BufferPool pool(gpu, "frames", 4 * mib);
    std::optional<Block> first = pool.lease(3 * mib);
    std::atomic<bool> served{false};
    std::jthread waiter([&] { served = pool.lease(2 * mib).owner != nullptr; });
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    EXPECT_FALSE(served);
    first.reset();
    waiter.join();
    EXPECT_TRUE(served);
    const Block all = pool.lease(4 * mib);
    std::stop_source stop;
    stop.request_stop();
    EXPECT_EQ(pool.lease(mib, stop.get_token()).owner, nullptr);
}

// A down-copy ring of three slots: far more pictures than slots, each read by the host before its slot goes back.
TEST(GpuPinned, ARingOfFewSlotsCarriesManyPicturesDown) {
    Memory memory;
    constexpr std::size_t slot = 3 * mib;
    BufferPool ring(make_pinned_source(gpu), DeviceId{}, "down-copy ring", 3 * slot);
    const Stream down(gpu);
    std::vector<Tensor> sources;
    for (int i = 0; i < 4; ++i) {
        const Tensor host = lease_tensor(memory.pinned, bytes_of(slot));
        fill(host, 40 + i);
        sources.push_back(copied(down, memory.device, host));
        synchronize(down);  // the next one may be filled into the same memory
    }
    int right = 0;
    std::vector<Tensor> in_flight;
    for (int i = 0; i < 60; ++i) {
        if (in_flight.size() == 3) {
            in_flight.front().timeline->before_read(host_stream());
            right += all_are(in_flight.front(), 40 + (i - 3) % 4) ? 1 : 0;
            in_flight.erase(in_flight.begin());
        }
        in_flight.push_back(copied(down, ring, sources[static_cast<std::size_t>(i % 4)]));
    }
    EXPECT_EQ(right, 57);
    EXPECT_LE(ring.usage().peak, 3 * slot);
}

TEST(GpuPinned, CopiesAreFasterThanThroughPageableMemory) {
    Memory memory;
    const Stream stream(gpu);
    const Tensor on_gpu = lease_tensor(memory.device, bytes_of(64 * mib));
    const Tensor pinned = lease_tensor(memory.pinned, bytes_of(64 * mib));
    const Tensor pageable = lease_tensor(memory.host, bytes_of(64 * mib));
    fill(pageable, 0);
    const auto rate = [&](const Tensor& to) {
        Event begin(gpu, EventKind::timing);
        Event end(gpu, EventKind::timing);
        copy(stream, on_gpu, to);
        begin.record(stream);
        for (int i = 0; i < 4; ++i) copy(stream, on_gpu, to);
        end.record(stream);
        synchronize(stream);
        return 4.0 * 64 * 1048576 / elapsed(begin.ref(), end.ref()) * 1e-9;
    };
    std::cout << "down: pinned " << rate(pinned) << " GB/s, pageable " << rate(pageable) << " GB/s\n";
}

TEST(GpuActivity, KernelTimeIsTheUnionAndCopiesAreCountedByDirection) {
    Memory memory;
    const Stream one(gpu);
    const Stream two(gpu);
    core::PictureDesc desc;
    desc.width = 1920;
    desc.height = 1080;
    desc.color = {core::Matrix::bt709, core::Range::limited, 1, 1, core::ChromaSiting::left};
    const ops::ToTensor op(desc, {});
    const Picture picture = lease_picture(memory.device, desc);
    const Tensor a = lease_tensor(memory.device, op.output());
    const Tensor b = lease_tensor(memory.device, op.output());
    const Tensor host = lease_tensor(memory.pinned, bytes_of(8 * mib));
    fill(host, 5);
    op.run(one, picture, a);
    synchronize(one);
    ActivityMonitor monitor;
    const Tensor up = copied(one, memory.device, host);
    const Tensor across = copied(one, memory.device, up);
    copy(one, across, host);
    for (int i = 0; i < 50; ++i) {
        op.run(one, picture, a);
        op.run(two, picture, b);
    }
    synchronize(one);
    synchronize(two);
    const ActivityReport report = monitor.stop();
    ASSERT_EQ(report.devices.size(), 1U);
    const DeviceActivity& device = report.devices[0];
    EXPECT_EQ(report.dropped, 0);
    EXPECT_EQ(device.kernels, 100);
    EXPECT_GT(device.kernel_seconds, 0.0);
    EXPECT_LE(device.kernel_seconds, report.seconds);
    EXPECT_EQ(device.up.count, 1);
    EXPECT_EQ(device.up.bytes, 8 * mib);
    EXPECT_EQ(device.down.count, 1);
    EXPECT_EQ(device.down.bytes, 8 * mib);
    EXPECT_EQ(device.across.count, 1);
    EXPECT_EQ(device.across.bytes, 8 * mib);
    std::cout << "activity: " << device.kernels << " kernels busy " << device.kernel_seconds * 1e6 << " us of "
              << report.seconds * 1e6 << " us, up " << device.up.seconds * 1e6 << " us, down "
              << device.down.seconds * 1e6 << " us, across " << device.across.seconds * 1e6 << " us\n";
    EXPECT_TRUE(ActivityMonitor().stop().devices.empty()) << "a second measurement begins at nothing";
}

TEST(GpuActivity, CopiesGoToTheLineThatAskedForThem) {
    Memory memory;
    const Stream stream(gpu);
    const Tensor host = lease_tensor(memory.pinned, bytes_of(8 * mib));
    fill(host, 5);
    int asked = 0;
    CopyLedger ledger([&] { return ++asked > 0; });
    ActivityMonitor monitor(&ledger);
    const Tensor up = copied(stream, memory.device, host);
    ledger.named("a.py:1");
    copy(stream, up, host);
    copy(stream, up, host);
    ledger.named("a.py:2");
    std::thread([&] { copy(stream, up, host); }).join();
    synchronize(stream);
    EXPECT_EQ(asked, 2) << "once a line";  // stop() copies too, to see whether it is still told of copies
    EXPECT_EQ(monitor.stop().devices.at(0).down.count, 3);
    const auto lines = ledger.report();
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_EQ(lines[0].line, "a.py:2");
    EXPECT_EQ(lines[0].direction, CopyDirection::down);
    EXPECT_EQ(lines[0].count, 2);
    EXPECT_EQ(lines[0].bytes, 16 * mib);
    EXPECT_GT(lines[0].seconds, 0);
    EXPECT_EQ(lines[1].line, "a.py:1");
    EXPECT_EQ(lines[1].direction, CopyDirection::up);
    EXPECT_EQ(lines[1].bytes, 8 * mib);
}

/// Writes where no memory is; 7 when the error says what happened and the device is known to be lost.
[[noreturn]] void write_nowhere() {
    core::PictureDesc desc;
    desc.width = 64;
    desc.height = 64;
    desc.color = {core::Matrix::bt709, core::Range::limited, 1, 1, core::ChromaSiting::left};
    const ops::ToTensor op(desc, {});
    BufferPool pool(gpu, "device", plenty);
    const Picture picture = lease_picture(pool, desc);
    Tensor nowhere;
    nowhere.desc = op.output();
    nowhere.device = gpu;
    nowhere.data = reinterpret_cast<std::byte*>(std::uintptr_t{1} << 44U);  // NOLINT(*-reinterpret-cast,*-int-to-ptr)
    const Stream stream(gpu);
    std::string message;
    try {
        op.run(stream, picture, nowhere);
        synchronize(stream);
    } catch (const core::Error& error) {
        message = error.what();
    }
    const bool named = message.starts_with("cuda:0: ") && message.find("cudaErrorIllegalAddress") != std::string::npos;
    std::cerr << message << '\n';
    std::_Exit(named && cuda_lost(0) ? 7 : 1);
}

// In a process of its own: the device is of no use to it afterwards.
TEST(GpuFaultDeathTest, AnIllegalAddressIsAStickyErrorThatIsRecognised) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(write_nowhere(), ::testing::ExitedWithCode(7), "end it and resume");
}

}  // namespace
}  // namespace millrace::device::test
