#pragma once
// One picture in memory.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/picture_desc.h"
#include "core/rational.h"
#include "device/buffer_pool.h"
#include "device/device.h"

namespace millrace::device {

/// One plane: first sample of the first row, and the distance of rows in bytes (may exceed the row; never negative).
struct PlaneView {
    std::byte* data = nullptr;
    std::ptrdiff_t pitch = 0;
};

struct PictureFlags {
    bool key = false;         ///< decoded from a key frame
    bool corrupt = false;     ///< the decoder reported damage in it, concealed or not
    bool interlaced = false;  ///< coded as two fields
};

/// A lease on one picture on a device. Planes: yuv Y, Cb, Cr; semi-planar Y, CbCr; rgb R, G, B; gray Y. Samples of more
/// than 8 bits are 16-bit native endian. Move-only; share() makes a second lease on the same memory, which then nobody
/// may write. On a GPU the timeline says when the planes are ready to be read, and when to be written again: ops and
/// copies ask it, and so must whoever else enqueues work on them.
struct Picture {
    core::PictureDesc desc;
    DeviceId device;
    std::array<PlaneView, 3> planes{};
    std::int64_t pts = core::no_pts;  ///< in the time base of the stream it came from
    std::int64_t duration = 0;        ///< same time base; 0 unknown
    PictureFlags flags;
    std::shared_ptr<void> owner;
    TimelinePtr timeline;  ///< null where only the host touches the memory

    Picture() = default;
    Picture(Picture&&) noexcept = default;
    Picture& operator=(Picture&&) noexcept = default;
    Picture(const Picture&) = delete;
    Picture& operator=(const Picture&) = delete;
    ~Picture() = default;

    [[nodiscard]] explicit operator bool() const { return owner != nullptr; }
    [[nodiscard]] Picture share() const;
};

/// Bytes of a picture with 64-byte aligned rows, as lease_picture() lays it out.
[[nodiscard]] std::size_t picture_bytes(const core::PictureDesc& desc);

/// An uninitialised picture from `pool`; planes one after another, rows 64-byte aligned. Empty when stopped.
[[nodiscard]] Picture lease_picture(BufferPool& pool, const core::PictureDesc& desc, const std::stop_token& stop = {});

}  // namespace millrace::device
