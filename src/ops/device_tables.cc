#include "ops/device_tables.h"

#include <array>
#include <cstring>
#include <span>
#include <vector>

#include "device/buffer_pool.h"
#include "device/copy.h"

namespace millrace::ops {

namespace {

constexpr std::size_t alignment = 64;

std::size_t aligned(std::size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

// Where the four tables begin in the block, and its size.
std::array<std::size_t, 5> offsets(const AxisWeights& x, const AxisWeights& y) {
    std::array<std::size_t, 5> at{};
    at[1] = at[0] + aligned(x.first.size() * sizeof(std::int32_t));
    at[2] = at[1] + aligned(x.weights.size() * sizeof(float));
    at[3] = at[2] + aligned(y.first.size() * sizeof(std::int32_t));
    at[4] = at[3] + aligned(y.weights.size() * sizeof(float));
    return at;
}

template <class T>
void append(device::Tensor& host, std::size_t at, const std::vector<T>& values) {
    std::memcpy(host.data + at, values.data(), values.size() * sizeof(T));
}

// NOLINTBEGIN(cppcoreguidelines-pro-type-reinterpret-cast): the block is bytes
WeightsView view(const device::Tensor& block, std::size_t first, std::size_t weights, const AxisWeights& axis) {
    return {reinterpret_cast<const std::int32_t*>(block.data + first),
            reinterpret_cast<const float*>(block.data + weights), static_cast<std::int64_t>(axis.stride), axis.taps};
}
// NOLINTEND(cppcoreguidelines-pro-type-reinterpret-cast)

device::Tensor upload(device::DeviceId device, const AxisWeights& x, const AxisWeights& y) {
    const std::array<std::size_t, 5> at = offsets(x, y);
    const core::TensorDesc desc{core::DType::uint8, {static_cast<std::int64_t>(at[4])}};
    device::BufferPool host_pool({}, "resize tables", at[4]);
    device::Tensor host = device::lease_tensor(host_pool, desc);
    append(host, at[0], x.first);
    append(host, at[1], x.weights);
    append(host, at[2], y.first);
    append(host, at[3], y.weights);
    device::BufferPool pool(device, "resize tables", at[4]);
    device::Tensor block = device::lease_tensor(pool, desc);
    // On a stream of its own, which is waited for here, rather than for all that the caller has enqueued.
    const device::Stream stream(device);
    device::copy(stream, host, block);
    device::synchronize(stream);
    return block;
}

}  // namespace

AxesOnDevice DeviceTables::on(device::DeviceId device) {
    const std::scoped_lock lock(mutex_);
    auto found = blocks_.find(device.index);
    if (found == blocks_.end()) {
        found = blocks_.emplace(device.index, upload(device, x_, y_)).first;
    }
    const std::array<std::size_t, 5> at = offsets(x_, y_);
    const device::Tensor& block = found->second;
    return {block.share(), view(block, at[0], at[1], x_), view(block, at[2], at[3], y_)};
}

}  // namespace millrace::ops
