// Packets and pictures on FFmpeg's memory, and frames on ours.

#include <array>
#include <cassert>
#include <cstring>
#include <new>

#include "media/ffmpeg/convert.h"

namespace millrace::media::ffmpeg {

namespace {

// A type of its own, so that find_av_packet() can tell by the deleter what an owner is.
struct PacketOwnerDeleter {
    void operator()(AVPacket* packet) const noexcept { av_packet_free(&packet); }
};

struct FrameOwnerDeleter {
    void operator()(AVFrame* frame) const noexcept { av_frame_free(&frame); }
};

// Which of FFmpeg's planes holds our i-th: gbrp is stored G, B, R.
std::size_t av_plane(const core::PixelFormat& format, std::size_t i) {
    constexpr std::array<std::size_t, 3> gbr{2, 0, 1};
    return format.family == core::ColorFamily::rgb ? gbr.at(i) : i;
}

PacketHandle copy_bytes(const Packet& packet) {
    PacketHandle out = allocate_packet();
    if (av_new_packet(out.get(), static_cast<int>(packet.data.size())) < 0) throw std::bad_alloc();
    if (!packet.data.empty()) std::memcpy(out->data, packet.data.data(), packet.data.size());
    return out;
}

void set_flag(int& flags, int bit, bool on) { flags = on ? flags | bit : flags & ~bit; }

void release_owner(void* opaque, std::uint8_t* /*data*/) { delete static_cast<std::shared_ptr<void>*>(opaque); }

AVBufferRef* hold(const device::Picture& picture, std::size_t plane, std::size_t bytes) {
    auto owner = std::make_unique<std::shared_ptr<void>>(picture.owner);
    auto* data = reinterpret_cast<std::uint8_t*>(picture.planes.at(plane).data);
    AVBufferRef* buffer = av_buffer_create(data, bytes, release_owner, owner.get(), AV_BUFFER_FLAG_READONLY);
    if (buffer == nullptr) throw std::bad_alloc();
    owner.release();  // NOLINT(bugprone-unused-return-value): the buffer owns it now
    return buffer;
}

void set_color(AVFrame& frame, const core::ColorDescription& color) {
    const AvColor av = to_av(color);
    frame.colorspace = av.matrix;
    frame.color_range = av.range;
    frame.color_primaries = av.primaries;
    frame.color_trc = av.transfer;
    frame.chroma_location = av.siting;
}

void set_picture_flags(AVFrame& frame, const device::PictureFlags& flags) {
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(58, 29, 100)
    set_flag(frame.flags, AV_FRAME_FLAG_KEY, flags.key);
    set_flag(frame.flags, AV_FRAME_FLAG_INTERLACED, flags.interlaced);
#else
    frame.key_frame = flags.key ? 1 : 0;
    frame.interlaced_frame = flags.interlaced ? 1 : 0;
#endif
}

}  // namespace

Packet to_packet(PacketHandle packet) {
    assert(packet);
    Packet out;
    out.stream = packet->stream_index;
    out.pts = packet->pts;
    out.dts = packet->dts;
    out.duration = packet->duration;
    out.position = packet->pos;
    out.key = (packet->flags & AV_PKT_FLAG_KEY) != 0;
    out.discard = (packet->flags & AV_PKT_FLAG_DISCARD) != 0;
    out.data = {reinterpret_cast<const std::byte*>(packet->data), static_cast<std::size_t>(packet->size)};
    out.owner = std::shared_ptr<AVPacket>(packet.release(), PacketOwnerDeleter{});
    return out;
}

const AVPacket* find_av_packet(const Packet& packet) {
    if (std::get_deleter<PacketOwnerDeleter>(packet.owner) == nullptr) return nullptr;
    return static_cast<const AVPacket*>(packet.owner.get());
}

PacketHandle to_av(const Packet& packet) {
    PacketHandle out;
    if (const AVPacket* source = find_av_packet(packet)) {
        out.reset(av_packet_clone(source));
        if (!out) throw std::bad_alloc();
    } else {
        out = copy_bytes(packet);
    }
    out->stream_index = packet.stream;
    out->pts = packet.pts;
    out->dts = packet.dts;
    out->duration = packet.duration;
    out->pos = packet.position;
    set_flag(out->flags, AV_PKT_FLAG_KEY, packet.key);
    set_flag(out->flags, AV_PKT_FLAG_DISCARD, packet.discard);
    return out;
}

std::optional<device::Picture> to_picture(FrameHandle frame, const core::PictureDesc& desc) {
    assert(frame && frame->width == desc.width && frame->height == desc.height);
    const auto planes = static_cast<std::size_t>(desc.format.plane_count());
    device::Picture out;
    out.desc = desc;
    for (std::size_t i = 0; i < planes; ++i) {
        const std::size_t from = av_plane(desc.format, i);
        if (frame->linesize[from] < 0) return std::nullopt;
        out.planes.at(i) = {reinterpret_cast<std::byte*>(frame->data[from]), frame->linesize[from]};
    }
    out.owner = std::shared_ptr<AVFrame>(frame.release(), FrameOwnerDeleter{});
    return out;
}

FrameHandle to_av(const device::Picture& picture) {
    assert(picture && device::on_host(picture.device));
    FrameHandle out = allocate_frame();
    out->format = to_av(picture.desc.format);
    out->width = picture.desc.width;
    out->height = picture.desc.height;
    out->pts = picture.pts;
    set_frame_duration(*out, picture.duration);
    set_color(*out, picture.desc.color);
    set_picture_flags(*out, picture.flags);
    for (std::size_t i = 0; i < static_cast<std::size_t>(picture.desc.format.plane_count()); ++i) {
        const std::size_t to = av_plane(picture.desc.format, i);
        const device::PlaneView& plane = picture.planes.at(i);
        const auto rows = static_cast<std::size_t>(core::plane_rows(picture.desc, static_cast<int>(i)));
        out->data[to] = reinterpret_cast<std::uint8_t*>(plane.data);
        out->linesize[to] = static_cast<int>(plane.pitch);
        out->buf[to] = hold(picture, i, rows * static_cast<std::size_t>(plane.pitch));
    }
    return out;
}

std::int64_t frame_duration(const AVFrame& frame) {
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(57, 30, 100)
    return frame.duration;
#else
    return frame.pkt_duration;
#endif
}

void set_frame_duration(AVFrame& frame, std::int64_t duration) {
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(57, 30, 100)
    frame.duration = duration;
#else
    frame.pkt_duration = duration;
#endif
}

}  // namespace millrace::media::ffmpeg
