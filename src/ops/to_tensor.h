#pragma once
// Pictures to tensors.

#include <memory>
#include <optional>

#include "core/picture_desc.h"
#include "device/picture.h"
#include "device/tensor.h"
#include "ops/spec.h"

namespace millrace::ops {

/// Converts pictures of one description to tensors of one spec. Weights and tables are computed once, here.
/// run() is const and may be called from several threads at once.
class ToTensor {
  public:
    /// Throws Error(bad_input) for a matrix that is not convertible (core::is_convertible) where one is needed.
    ToTensor(const core::PictureDesc& input, const TensorSpec& spec, std::optional<ResizeSpec> resize = std::nullopt);
    ~ToTensor();
    ToTensor(ToTensor&&) noexcept;
    ToTensor& operator=(ToTensor&&) noexcept;
    ToTensor(const ToTensor&) = delete;
    ToTensor& operator=(const ToTensor&) = delete;

    /// [C, H, W] or [H, W, C].
    [[nodiscard]] const core::TensorDesc& output() const;
    /// Write `picture` (of the input description, asserted) into `tensor` (of output(), asserted). On a GPU this
    /// enqueues, and gives the same bytes as the host; the timelines of both order it with other streams' work.
    void run(device::StreamRef stream, const device::Picture& picture, const device::Tensor& tensor) const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::ops
