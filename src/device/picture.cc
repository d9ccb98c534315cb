#include "device/picture.h"

namespace millrace::device {

namespace {

std::size_t row_pitch(const core::PictureDesc& desc, int plane) {
    constexpr std::size_t alignment = 64;
    const auto samples = static_cast<std::size_t>(core::plane_samples(desc, plane));
    const std::size_t row = samples * static_cast<std::size_t>(desc.format.bytes_per_sample());
    return (row + alignment - 1) / alignment * alignment;
}

std::size_t plane_bytes(const core::PictureDesc& desc, int plane) {
    return row_pitch(desc, plane) * static_cast<std::size_t>(core::plane_rows(desc, plane));
}

}  // namespace

Picture Picture::share() const {
    Picture other;
    other.desc = desc;
    other.device = device;
    other.planes = planes;
    other.pts = pts;
    other.duration = duration;
    other.flags = flags;
    other.owner = owner;
    other.timeline = timeline;
    return other;
}

std::size_t picture_bytes(const core::PictureDesc& desc) {
    std::size_t total = 0;
    for (int plane = 0; plane < desc.format.plane_count(); ++plane) total += plane_bytes(desc, plane);
    return total;
}

Picture lease_picture(BufferPool& pool, const core::PictureDesc& desc, const std::stop_token& stop) {
    Block block = pool.lease(picture_bytes(desc), stop);
    Picture picture;
    if (!block.owner) return picture;
    picture.desc = desc;
    picture.device = pool.device();
    std::byte* next = block.data;
    for (int plane = 0; plane < desc.format.plane_count(); ++plane) {
        picture.planes.at(static_cast<std::size_t>(plane)) = {next,
                                                              static_cast<std::ptrdiff_t>(row_pitch(desc, plane))};
        next += plane_bytes(desc, plane);
    }
    picture.owner = std::move(block.owner);
    picture.timeline = std::move(block.timeline);
    return picture;
}

}  // namespace millrace::device
