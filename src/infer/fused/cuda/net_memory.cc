#include "infer/fused/cuda/net_memory.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace millrace::infer::fused::cuda {
namespace {

constexpr std::size_t least_bytes = 256;

}  // namespace

NetMemory::NetMemory(device::StreamRef stream, std::size_t budget)
    : stream_(stream), budget_(budget), pool_(stream.device, "fused layers", budget > 0 ? budget : device::unbounded) {}

std::size_t NetMemory::left() const {
    if (budget_ == 0) return 0;
    // A limit of nothing is none.
    return std::max<std::size_t>(1, budget_ - std::min(budget_, pool_.usage().leased));
}

void NetMemory::check(std::size_t bytes) const {
    const std::size_t leased = pool_.usage().leased;
    if (budget_ == 0 || leased + bytes <= budget_) return;
    throw core::Error(core::ErrorCode::out_of_memory,
                      fmt::format("fused layers: {} bytes and {} that they have do not fit the budget of {}; raise "
                                  "--gpu-memory, or lower the batch or the tile",
                                  bytes, leased, budget_));
}

device::Block NetMemory::lease(std::size_t bytes) {
    bytes = std::max(bytes, least_bytes);
    check(bytes);
    device::Block block = pool_.lease(bytes);
    block.timeline->before_write(stream_);  // memory is made on a stream of its own
    return block;
}

device::Tensor NetMemory::lease(const core::TensorDesc& desc) {
    check(desc.byte_count());
    device::Tensor tensor = device::lease_tensor(pool_, desc);
    tensor.timeline->before_write(stream_);
    return tensor;
}

}  // namespace millrace::infer::fused::cuda
