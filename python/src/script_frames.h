#pragma once
// The run's memory in which scripts are handed frames, and the arrays that they give back.

#include <nanobind/nanobind.h>

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/tensor_desc.h"
#include "device/buffer_pool.h"
#include "device/stream.h"
#include "device/tensor.h"
#include "dlpack.h"
#include "frame_tensor.h"
#include "lease.h"

namespace millrace::python {

/// Of one script or a chain. Results are copied, as a script may use its memory again; on a GPU by a stream that waits
/// for whatever stream made them. All but in_call() with the GIL.
class ScriptFrames {
  public:
    /// `scripts`: each may keep the memory of one batch.
    ScriptFrames(device::DeviceId device, std::size_t scripts);

    [[nodiscard]] device::StreamRef stream() const { return stream_; }
    /// Held during calls into the scripts.
    [[nodiscard]] std::unique_lock<std::mutex> in_call() { return settler_.in_call(); }
    /// Before a batch: lets go of results that have been read. Throws Error(failed) where the scripts, of which `path`
    /// is the first, keep the memory of more batches than they may.
    void look_after(const std::string& path);
    /// Memory for frames, not handed to anybody.
    [[nodiscard]] device::Tensor lease(const core::TensorDesc& desc);
    /// To a script, which may keep it.
    [[nodiscard]] FrameTensor hand_over(const device::Tensor& frames);
    /// An array, or a list of one a picture, into the first part of `to`. millrace/_results.py has seen to shape and
    /// type.
    void take(nanobind::handle results, const device::Tensor& to);
    /// take() into memory of `desc`, of which results may leave out what begins at byte `filled`: that is 0.
    [[nodiscard]] device::Tensor taken(nanobind::handle results, const core::TensorDesc& desc, std::size_t filled);
    /// An array that stream() reads, until it has.
    void keep(device::Tensor array) { results_.keep(std::move(array), stream_); }
    /// Waits until all results are read, and lets them go.
    void drop_all() { results_.drop_all(); }

  private:
    [[nodiscard]] std::size_t count_kept();
    void take_array(nanobind::handle array, const device::Tensor& to);
    void copy_part(const device::Tensor& from, const device::Tensor& to) const;
    void take_own(const FrameTensor& frames, const device::Tensor& to) const;

    device::Stream stream_;
    std::size_t scripts_;
    device::BufferPool between_;               ///< bounded by the batches of which scripts may keep the memory
    std::vector<std::weak_ptr<Lease>> given_;  ///< batches that the scripts may have kept
    BorrowedArrays results_;                   ///< that stream_ may still read
    Settler settler_;
};

}  // namespace millrace::python
