#pragma once
// Tensors to pictures.

#include <cstdint>
#include <memory>

#include "core/picture_desc.h"
#include "device/picture.h"
#include "device/tensor.h"
#include "ops/spec.h"

namespace millrace::ops {

struct ToPictureResult {
    std::int64_t nan_count = 0;  ///< NaN elements of the tensor; each became 0. On a GPU 0: see ToPicture::nan_count()
};

/// Converts tensors of one spec and size to pictures of one description: the inverse of ToTensor, with values clipped
/// to the code range, rounded half to even, chroma subsampled at the description's siting.
/// run() is const and may be called from several threads at once.
class ToPicture {
  public:
    /// `tensor_width`, `tensor_height`: of the tensor; at least the picture's size, of which the top left part is taken
    /// (undoing Fit::pad).
    ToPicture(const TensorSpec& spec, int tensor_width, int tensor_height, const core::PictureDesc& output);
    ~ToPicture();
    ToPicture(ToPicture&&) noexcept;
    ToPicture& operator=(ToPicture&&) noexcept;
    ToPicture(const ToPicture&) = delete;
    ToPicture& operator=(const ToPicture&) = delete;

    /// `chroma_source`: for Channels::luma only, the picture that chroma is taken from, scaled (bicubic) to the output
    /// size; nullptr writes neutral chroma. On a GPU this enqueues, and gives the same bytes as the host; the timelines
    /// order it with other streams' work.
    ToPictureResult run(device::StreamRef stream, const device::Tensor& tensor, const device::Picture* chroma_source,
                        const device::Picture& picture) const;

    /// NaN elements of all runs that are done, on all devices: synchronise the streams first.
    [[nodiscard]] std::int64_t nan_count() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::ops
