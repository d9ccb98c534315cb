#pragma once
// What the tests of ops on a GPU work with.

#include "gpu/support.h"
#include "ops/cases.h"
#include "ops/support.h"

namespace millrace::ops::test {

struct Bench {
    device::BufferPool host{device::DeviceId{}, "host", device::test::plenty};
    device::BufferPool pinned{device::make_pinned_source(device::test::gpu), device::DeviceId{}, "pinned",
                              device::test::plenty};
    device::BufferPool memory{device::test::gpu, "device", device::test::plenty};
    device::Stream stream{device::test::gpu};
};

/// The same picture on the GPU, with the bytes around its rows.
inline Canvas on_gpu(Bench& bench, const Canvas& canvas, Rows rows) {
    Canvas other = make_canvas(bench.memory, canvas.picture.desc, rows);
    device::copy(bench.stream, canvas.block, other.block);
    return other;
}

/// One of a batch of two, so that data does not always begin where a block does.
inline device::Tensor slot(device::BufferPool& pool, const core::TensorDesc& desc, std::int64_t index) {
    core::TensorDesc batch = desc;
    batch.shape.insert(batch.shape.begin(), 2);
    return device::lease_tensor(pool, batch).at(index);
}

}  // namespace millrace::ops::test
