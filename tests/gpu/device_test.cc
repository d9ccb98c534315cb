// What a GPU says of itself, and copies to it, on it and back. For machines with one: elsewhere these fail.

#include <gtest/gtest.h>

#include <cstring>
#include <iostream>
#include <vector>

#include "device/cuda/probe.h"
#include "device/picture.h"
#include "gpu/memory.h"

namespace millrace::device::test {
namespace {

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

}  // namespace
}  // namespace millrace::device::test
