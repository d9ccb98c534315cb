#include "device/copy.h"

#include <cassert>
#include <cstring>

#include "device/cuda/runtime.h"

namespace millrace::device {

namespace {

[[maybe_unused]] bool reachable(StreamRef stream, DeviceId from, DeviceId to) {
    return stream.device.kind == DeviceKind::cuda || (from == stream.device && to == stream.device);
}

}  // namespace

void copy(StreamRef stream, const Picture& from, const Picture& to) {
    assert(from.desc.width == to.desc.width && from.desc.height == to.desc.height);
    assert(from.desc.format == to.desc.format);
    assert(reachable(stream, from.device, to.device));
    Access access(stream, from.timeline, to.timeline);
    for (int plane = 0; plane < from.desc.format.plane_count(); ++plane) {
        const PlaneView& source = from.planes.at(static_cast<std::size_t>(plane));
        const PlaneView& target = to.planes.at(static_cast<std::size_t>(plane));
        const auto samples = static_cast<std::size_t>(core::plane_samples(from.desc, plane));
        copy_rows(stream, {target.data, static_cast<std::size_t>(target.pitch), source.data,
                           static_cast<std::size_t>(source.pitch),
                           samples * static_cast<std::size_t>(from.desc.format.bytes_per_sample()),
                           static_cast<std::size_t>(core::plane_rows(from.desc, plane))});
    }
    access.done();
}

void copy(StreamRef stream, const Tensor& from, const Tensor& to) {
    assert(from.desc == to.desc);
    assert(reachable(stream, from.device, to.device));
    Access access(stream, from.timeline, to.timeline);
    const std::size_t bytes = from.desc.byte_count();
    copy_rows(stream, {to.data, bytes, from.data, bytes, bytes, 1});
    access.done();
}

Picture copied(StreamRef stream, BufferPool& pool, const Picture& from, const std::stop_token& stop) {
    Picture to = lease_picture(pool, from.desc, stop);
    if (!to) return to;
    copy(stream, from, to);
    to.pts = from.pts;
    to.duration = from.duration;
    to.flags = from.flags;
    return to;
}

Tensor copied(StreamRef stream, BufferPool& pool, const Tensor& from, const std::stop_token& stop) {
    Tensor to = lease_tensor(pool, from.desc, stop);
    if (to) copy(stream, from, to);
    return to;
}

void copy_rows(StreamRef stream, const Rows& rows) {
    if (stream.device.kind == DeviceKind::cuda) {
        cuda::copy_rows(stream, rows);
        return;
    }
    for (std::size_t y = 0; y < rows.count; ++y) {
        std::memcpy(rows.to + y * rows.to_pitch, rows.from + y * rows.from_pitch, rows.bytes);
    }
}

void clear(StreamRef stream, const Tensor& tensor, std::size_t begin) {
    const std::size_t bytes = tensor.desc.byte_count() - begin;
    if (bytes == 0) return;
    Access access(stream, nullptr, tensor.timeline);
    if (stream.device.kind == DeviceKind::cuda) {
        cuda::set_zero(stream, tensor.data + begin, bytes);
    } else {
        std::memset(tensor.data + begin, 0, bytes);
    }
    access.done();
}

}  // namespace millrace::device
