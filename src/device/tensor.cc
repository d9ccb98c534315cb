#include "device/tensor.h"

#include <cassert>
#include <utility>

namespace millrace::device {

Tensor Tensor::share() const {
    Tensor other;
    other.desc = desc;
    other.device = device;
    other.data = data;
    other.owner = owner;
    other.timeline = timeline;
    return other;
}

Tensor Tensor::at(std::int64_t index) const {
    assert(!desc.shape.empty() && index >= 0 && index < desc.shape.front());
    Tensor entry = share();
    entry.desc.shape.erase(entry.desc.shape.begin());
    entry.data += static_cast<std::size_t>(index) * entry.desc.byte_count();
    return entry;
}

Tensor lease_tensor(BufferPool& pool, const core::TensorDesc& desc, const std::stop_token& stop) {
    Block block = pool.lease(desc.byte_count(), stop);
    Tensor tensor;
    if (!block.owner) return tensor;
    tensor.desc = desc;
    tensor.device = pool.device();
    tensor.data = block.data;
    tensor.owner = std::move(block.owner);
    tensor.timeline = std::move(block.timeline);
    return tensor;
}

}  // namespace millrace::device
