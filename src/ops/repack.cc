#include "ops/repack.h"

#include <algorithm>
#include <cassert>
#include <cstdint>

#include "core/planes.h"
#include "device/copy.h"
#include "ops/repack_cuda.h"

namespace millrace::ops {

namespace {

/// A row of one component: samples `step` apart, their codes `shift` bits up.
template <class S>
struct Row {
    S* samples = nullptr;
    std::ptrdiff_t step = 1;
    int shift = 0;
};

template <class S>
Row<S> row_of(const PictureView& view, int component, int y) {
    return {both::sample_at<S>(view, component, 0, y), view.paired && component > 0 ? 2 : 1, view.shift};
}

template <class S>
void move_row(Row<S> from, Row<S> to, int count, S most) {
    const auto moved = [=](S sample) {
        return static_cast<S>(std::min(static_cast<S>(sample >> from.shift), most) << to.shift);
    };
    if (from.step == 1 && to.step == 1) {
        std::transform(from.samples, from.samples + count, to.samples, moved);
        return;
    }
    for (int x = 0; x < count; ++x) to.samples[x * to.step] = moved(from.samples[x * from.step]);
}

template <class S>
void repack_host(const RepackArgs& args) {
    const auto most = static_cast<S>((1U << static_cast<unsigned>(args.depth)) - 1);
    for (int c = 0; c < args.components; ++c) {
        for (int y = 0; y < both::component_height(args.from, c); ++y) {
            move_row(row_of<S>(args.from, c, y), row_of<S>(args.to, c, y), both::component_width(args.from, c), most);
        }
    }
}

}  // namespace

void repack(device::StreamRef stream, const device::Picture& from, const device::Picture& to) {
    const core::PixelFormat& format = from.desc.format;
    assert(core::same_samples(format, to.desc.format));
    assert(from.desc.width == to.desc.width && from.desc.height == to.desc.height);
    assert(from.device == stream.device && to.device == stream.device);
    if (format == to.desc.format && format.depth == 8) {
        device::copy(stream, from, to);
        return;
    }
    device::Access access(stream, from.timeline, to.timeline);
    const RepackArgs args{view_of(from), view_of(to), format.component_count(), format.depth};
    if (stream.device.kind == device::DeviceKind::cuda) {
        repack_cuda(stream, args);
    } else if (format.depth == 8) {
        repack_host<std::uint8_t>(args);
    } else {
        repack_host<std::uint16_t>(args);
    }
    access.done();
}

device::Picture planes_in(const device::Tensor& tensor, const core::PictureDesc& picture) {
    assert(tensor.desc == core::planes_desc(picture));
    device::Picture planes;
    planes.desc = picture;
    planes.desc.format = core::planar(picture.format);
    planes.device = tensor.device;
    planes.owner = tensor.owner;
    planes.timeline = tensor.timeline;
    std::byte* next = tensor.data;
    for (int plane = 0; plane < planes.desc.format.plane_count(); ++plane) {
        const std::ptrdiff_t pitch =
            std::ptrdiff_t{core::plane_samples(planes.desc, plane)} * picture.format.bytes_per_sample();
        planes.planes.at(static_cast<std::size_t>(plane)) = {next, pitch};
        next += pitch * core::plane_rows(planes.desc, plane);
    }
    return planes;
}

}  // namespace millrace::ops
