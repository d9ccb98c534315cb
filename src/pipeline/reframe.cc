#include "pipeline/reframe.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "ops/repack.h"

namespace millrace::pipeline {

namespace {

core::Matrix canonical(core::Matrix matrix) {
    return matrix == core::Matrix::bt470bg ? core::Matrix::smpte170m : matrix;
}

// Bytes that are repeated together: a sample, or a Cb and Cr pair.
std::size_t unit_bytes(const core::PixelFormat& format, int plane) {
    const bool pairs = format.packing == core::Packing::semi_planar && plane == 1;
    return static_cast<std::size_t>(format.bytes_per_sample()) * (pairs ? 2 : 1);
}

std::size_t row_bytes(const core::PictureDesc& desc, int plane) {
    return static_cast<std::size_t>(core::plane_samples(desc, plane)) *
           static_cast<std::size_t>(desc.format.bytes_per_sample());
}

void copy_row(const std::byte* from, std::size_t have, std::byte* to, std::size_t want, std::size_t unit) {
    std::size_t done = std::min(have, want);
    std::memcpy(to, from, done);
    for (; done < want; done += unit) std::memcpy(to + done, to + done - unit, unit);
}

}  // namespace

bool same_meaning(const core::PictureDesc& a, const core::PictureDesc& b) {
    return a.format == b.format && canonical(a.color.matrix) == canonical(b.color.matrix) &&
           a.color.range == b.color.range && a.color.siting == b.color.siting;
}

device::Picture reframe(const device::Picture& picture, const core::PictureDesc& target, device::BufferPool& pool) {
    assert(picture.desc.format == target.format);
    device::Picture out = device::lease_picture(pool, target);
    for (int plane = 0; plane < target.format.plane_count(); ++plane) {
        const device::PlaneView& from = picture.planes.at(static_cast<std::size_t>(plane));
        const device::PlaneView& to = out.planes.at(static_cast<std::size_t>(plane));
        const int last = core::plane_rows(picture.desc, plane) - 1;
        for (int row = 0; row < core::plane_rows(target, plane); ++row) {
            copy_row(from.data + std::min(row, last) * from.pitch, row_bytes(picture.desc, plane),
                     to.data + row * to.pitch, row_bytes(target, plane), unit_bytes(target.format, plane));
        }
    }
    return out;
}

device::Picture repacked(const device::Picture& picture, const core::PixelFormat& format, device::BufferPool& pool) {
    core::PictureDesc desc = picture.desc;
    desc.format = format;
    device::Picture out = device::lease_picture(pool, desc);
    ops::repack(device::host_stream(), picture, out);
    return out;
}

}  // namespace millrace::pipeline
