#pragma once
// Copies between memories, and zeros.

#include "device/picture.h"
#include "device/rows.h"
#include "device/tensor.h"

namespace millrace::device {

/// Copy the planes of `from` into `to`, which has the same size and layout (asserted); pts, duration and flags stay
/// `to`'s. Up, down or within a device on a cuda stream, which runs on while the host does other things where the host
/// memory is pinned; on the host stream both are on the host and the copy is done on return. Timelines are kept.
void copy(StreamRef stream, const Picture& from, const Picture& to);

/// The same for a tensor of equal description (asserted).
void copy(StreamRef stream, const Tensor& from, const Tensor& to);

/// A copy in memory of `pool`, enqueued; of a picture with its pts, duration and flags. Empty when stopped.
[[nodiscard]] Picture copied(StreamRef stream, BufferPool& pool, const Picture& from, const std::stop_token& stop = {});
[[nodiscard]] Tensor copied(StreamRef stream, BufferPool& pool, const Tensor& from, const std::stop_token& stop = {});

/// copy() for parts of memory. Timelines are the caller's matter: an Access around one or many of these.
void copy_rows(StreamRef stream, const Rows& rows);

/// Zeros from byte `begin` on to the tensor's end. Its timeline is kept.
void clear(StreamRef stream, const Tensor& tensor, std::size_t begin = 0);

}  // namespace millrace::device
