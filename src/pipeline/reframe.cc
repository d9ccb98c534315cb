#include "pipeline/reframe.h"

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <cstring>

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

/// Where the samples of one component lie in a picture.
struct Component {
    device::PlaneView plane;
    std::ptrdiff_t step = 0;  ///< bytes from sample to sample
    int shift = 0;            ///< of the value in its 16 bits
};

Component component_of(const device::Picture& picture, int component) {
    const core::PixelFormat& format = picture.desc.format;
    const bool pairs = format.packing == core::Packing::semi_planar && component > 0;
    Component found;
    found.plane = picture.planes.at(static_cast<std::size_t>(pairs ? 1 : component));
    if (pairs) found.plane.data += std::ptrdiff_t{component - 1} * format.bytes_per_sample();
    found.step = std::ptrdiff_t{format.bytes_per_sample()} * (pairs ? 2 : 1);
    found.shift = format.depth > 8 && format.alignment == core::Alignment::high ? 16 - format.depth : 0;
    return found;
}

template <class Sample>
void move_row(const Component& from, const Component& to, int row, int samples) {
    const std::byte* in = from.plane.data + row * from.plane.pitch;
    std::byte* out = to.plane.data + row * to.plane.pitch;
    for (int x = 0; x < samples; ++x, in += from.step, out += to.step) {
        Sample value = 0;
        std::memcpy(&value, in, sizeof value);
        value = static_cast<Sample>(value >> from.shift << to.shift);
        std::memcpy(out, &value, sizeof value);
    }
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
    assert(core::same_samples(picture.desc.format, format));
    core::PictureDesc desc = picture.desc;
    desc.format = format;
    device::Picture out = device::lease_picture(pool, desc);
    core::PictureDesc planar = desc;  // one plane a component
    planar.format.packing = core::Packing::planar;
    for (int component = 0; component < format.component_count(); ++component) {
        const Component from = component_of(picture, component);
        const Component to = component_of(out, component);
        const int samples = core::plane_samples(planar, component);
        for (int row = 0; row < core::plane_rows(planar, component); ++row) {
            format.depth > 8 ? move_row<std::uint16_t>(from, to, row, samples)
                             : move_row<std::uint8_t>(from, to, row, samples);
        }
    }
    return out;
}

}  // namespace millrace::pipeline
