#include "pipeline/segment_file.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <utility>

#include "core/error.h"

namespace millrace::pipeline {

// What precedes each payload.
struct RecordHeader {
    std::int64_t pts;
    std::int64_t duration;
    std::uint32_t key;
    std::uint32_t size;
};

namespace {

std::string part_of(const std::string& path) { return path + ".part"; }

}  // namespace

SegmentWriter::SegmentWriter(std::string path) : path_(std::move(path)), file_(part_of(path_), OpenMode::truncate) {}

void SegmentWriter::put(std::span<const std::byte> bytes) {
    file_.write(bytes);
    hash_.add(bytes);
    digest_.bytes += static_cast<std::int64_t>(bytes.size());
}

void SegmentWriter::add(const media::Packet& packet) {
    const RecordHeader header{packet.pts, packet.duration, packet.key ? 1U : 0U,
                              static_cast<std::uint32_t>(packet.data.size())};
    put(std::as_bytes(std::span(&header, 1)));
    put(packet.data);
    ++digest_.records;
}

void SegmentWriter::add(std::string_view line) {
    put(std::as_bytes(std::span(line)));
    put(std::as_bytes(std::span("\n", 1)));
    ++digest_.records;
}

SegmentDigest SegmentWriter::finish() {
    file_.sync();
    durable_rename(part_of(path_), path_);
    digest_.sha256 = hash_.hex();
    return digest_;
}

bool is_intact(const std::string& path, const SegmentDigest& digest) {
    std::error_code error;
    const auto size = std::filesystem::file_size(path, error);
    if (error || static_cast<std::int64_t>(size) != digest.bytes) return false;
    return core::sha256_of_file(path) == digest.sha256;
}

SegmentPackets::SegmentPackets(const std::string& path) : path_(path), file_(path, std::ios::binary) {
    if (!file_) throw core::Error(core::ErrorCode::failed, fmt::format("{}: cannot be opened", path));
}

bool SegmentPackets::read_header(RecordHeader& header) {
    file_.read(reinterpret_cast<char*>(&header), sizeof header);  // NOLINT(*-reinterpret-cast)
    if (file_.gcount() == 0) return false;
    if (!file_) throw core::Error(core::ErrorCode::failed, fmt::format("{}: cut short", path_));
    return true;
}

std::optional<media::Packet> SegmentPackets::next() {
    RecordHeader header{};
    if (!read_header(header)) return std::nullopt;
    auto payload = std::make_shared<std::vector<std::byte>>(header.size);
    file_.read(reinterpret_cast<char*>(payload->data()), header.size);  // NOLINT(*-reinterpret-cast)
    if (!file_) throw core::Error(core::ErrorCode::failed, fmt::format("{}: cut short", path_));
    media::Packet packet;
    packet.pts = header.pts;
    packet.duration = header.duration;
    packet.key = header.key != 0;
    packet.data = *payload;
    packet.owner = std::move(payload);
    return packet;
}

std::optional<std::int64_t> SegmentPackets::next_pts() {
    RecordHeader header{};
    if (!read_header(header)) return std::nullopt;
    file_.seekg(header.size, std::ios::cur);
    return header.pts;
}

}  // namespace millrace::pipeline
