#include "gpu/frames.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <ostream>

#include "device/copy.h"
#include "media/source.h"

namespace millrace::media::test {

namespace {

std::uint64_t hash_of(const Codes& codes) {
    std::uint64_t hash = 0xCBF29CE484222325U;  // FNV-1a, a sample at a time
    for (const std::uint16_t code : codes) hash = (hash ^ code) * 0x100000001B3U;
    return hash;
}

void append_row(const core::PixelFormat& format, const std::byte* row, int samples, int step, Codes& to) {
    const int shift = format.alignment == core::Alignment::high && format.depth > 8 ? 16 - format.depth : 0;
    for (int x = 0; x < samples; ++x) {
        std::uint16_t code = 0;
        if (format.depth == 8) {
            code = std::to_integer<std::uint16_t>(row[static_cast<std::ptrdiff_t>(x) * step]);
        } else {
            std::memcpy(&code, row + std::ptrdiff_t{2} * x * step, sizeof code);
        }
        to.push_back(static_cast<std::uint16_t>(code >> shift));
    }
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Frame& frame) {
    return out << frame.pts << "+" << frame.duration << " " << frame.width << "x" << frame.height << " " << std::hex
               << frame.hash << std::dec;
}

Reading::Reading(device::DeviceKind kind, std::size_t budget)
    : kind_(kind),
      memory_({kind, 0}, "test", budget),
      host_({}, "test", device::test::plenty),
      stream_(device::DeviceId{kind, 0}) {}

DecoderOptions Reading::options() {
    DecoderOptions options{.threads = 1};
    if (kind_ == device::DeviceKind::cuda) {
        options.device = {device::DeviceKind::cuda, 0};
        options.pictures = &memory_;
    }
    return options;
}

Decoded Reading::read(const std::string& path, const FrameRange& range, Keep keep) {
    const SourceOptions source{.path = path};
    const PacketIndex index = build_index(*open_source(source));
    const auto reader = open_frame_reader(source, options(), index);
    Decoded out;
    out.expected = index.frame_pts.size();
    out.segmentable = index.segmentable();
    read(*reader, range, out, keep);
    return out;
}

void Reading::read(FrameReader& reader, const FrameRange& range, Decoded& decoded, Keep keep) {
    reader.start(range);
    for (device::Picture picture; reader.next(picture);) {
        EXPECT_EQ(picture.device.kind, kind_);
        Codes codes = codes_of(picture);
        decoded.frames.push_back(
            {picture.pts, picture.duration, picture.desc.width, picture.desc.height, hash_of(codes)});
        decoded.flags.push_back(picture.flags);
        decoded.descs.push_back(picture.desc);
        if (keep == Keep::codes) decoded.codes.push_back(std::move(codes));
    }
    decoded.stats = reader.stats();
}

Codes Reading::codes_of(const device::Picture& picture) {
    device::Picture here;
    if (kind_ == device::DeviceKind::cuda) {
        here = device::lease_picture(host_, picture.desc);
        device::copy(stream_, picture, here);
        device::synchronize(stream_);
    } else {
        here = picture.share();
    }
    Codes out;
    const core::PixelFormat& format = here.desc.format;
    for (int component = 0; component < format.component_count(); ++component) {
        const bool pairs = component > 0 && format.packing == core::Packing::semi_planar;
        const int plane = pairs ? 1 : component;
        const device::PlaneView& view = here.planes.at(static_cast<std::size_t>(plane));
        const int samples = core::plane_samples(here.desc, plane) / (pairs ? 2 : 1);
        const std::ptrdiff_t first = pairs ? (component - 1) * format.bytes_per_sample() : 0;
        for (int y = 0; y < core::plane_rows(here.desc, plane); ++y) {
            append_row(format, view.data + y * view.pitch + first, samples, pairs ? 2 : 1, out);
        }
    }
    return out;
}

std::string repository_file(const std::string& name) {
    if (std::filesystem::exists(name)) return name;
    return (std::filesystem::path(MILLRACE_SOURCE_DIR) / name).string();
}

}  // namespace millrace::media::test
