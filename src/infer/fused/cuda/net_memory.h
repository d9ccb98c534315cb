#pragma once
// The memory of a model's parts on a GPU. Private to src/infer/fused.

#include <cstddef>

#include "device/buffer_pool.h"
#include "device/stream.h"
#include "device/tensor.h"

namespace millrace::infer::fused::cuda {

/// One budget for all parts, which they hold until the model goes: who asks for more than is left is refused, where a
/// pool alone would wait for ever. For one thread at a time.
class NetMemory {
  public:
    /// `budget`: bytes; 0: no limit. The stream outlives this.
    NetMemory(device::StreamRef stream, std::size_t budget);

    /// At least `bytes` that the stream may use. Throws Error(out_of_memory).
    [[nodiscard]] device::Block lease(std::size_t bytes);
    [[nodiscard]] device::Tensor lease(const core::TensorDesc& desc);
    /// Bytes of the budget; 0: no limit.
    [[nodiscard]] std::size_t left() const;

  private:
    void check(std::size_t bytes) const;

    device::StreamRef stream_;
    std::size_t budget_;
    device::BufferPool pool_;
};

}  // namespace millrace::infer::fused::cuda
