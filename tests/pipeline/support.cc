#include "pipeline/support.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <utility>

namespace millrace::pipeline::test {

namespace fs = std::filesystem;

std::string read_file(const std::string& path) {
    const std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

void write_file(const std::string& path, std::string_view text) { std::ofstream(path, std::ios::binary) << text; }

bool exists(const std::string& path) { return fs::exists(path); }

media::Packet make_packet(std::int64_t pts, std::string_view payload) {
    auto owner = std::make_shared<std::string>(payload);
    media::Packet packet;
    packet.pts = pts;
    packet.data = std::as_bytes(std::span(*owner));
    packet.owner = std::move(owner);
    return packet;
}

std::string payload_of(const media::Packet& packet) {
    std::string text;
    for (const std::byte byte : packet.data) text += static_cast<char>(byte);
    return text;
}

media::PacketIndex make_index(std::vector<std::int64_t> pts, const std::vector<std::size_t>& access) {
    media::PacketIndex index;
    for (const std::size_t frame : access) {
        media::AccessPoint point;
        point.position = static_cast<std::int64_t>(frame) * 1000;
        point.pts = pts.at(frame);
        point.dts = point.pts;
        point.ordinal = static_cast<std::int64_t>(frame);
        index.access_points.push_back(point);
    }
    index.frame_durations.assign(pts.size(), 0);
    index.frame_pts = std::move(pts);
    return index;
}

media::PacketIndex make_index(std::int64_t frames, std::int64_t step, std::int64_t gop, std::int64_t first) {
    std::vector<std::int64_t> pts;
    std::vector<std::size_t> access;
    for (std::int64_t frame = 0; frame < frames; ++frame) {
        if (frame % gop == 0) access.push_back(static_cast<std::size_t>(frame));
        pts.push_back(first + frame * step);
    }
    return make_index(std::move(pts), access);
}

}  // namespace millrace::pipeline::test
