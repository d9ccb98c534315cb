#pragma once
// One finished segment on disk: its packets, or its lines of data.

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

#include "core/sha256.h"
#include "media/packet.h"
#include "pipeline/durable_file.h"

namespace millrace::pipeline {

struct RecordHeader;

/// What identifies a whole segment file.
struct SegmentDigest {
    std::int64_t records = 0;
    std::int64_t bytes = 0;
    std::string sha256;
};

/// Writes <path>.part and renames it to <path> when it is whole. A writer that dies leaves only the .part, which nobody
/// reads. Not thread-safe.
class SegmentWriter {
  public:
    explicit SegmentWriter(std::string path);
    /// A packet record: pts, duration, flags, payload. Native byte order: the file stays on its machine's kind.
    void add(const media::Packet& packet);
    /// A line of data; a newline is added.
    void add(std::string_view line);
    SegmentDigest finish();

  private:
    void put(std::span<const std::byte> bytes);

    std::string path_;
    DurableFile file_;
    core::Sha256 hash_;
    SegmentDigest digest_;
};

/// Whether the file at `path` is the one that `digest` was made of.
[[nodiscard]] bool is_intact(const std::string& path, const SegmentDigest& digest);

/// Reads the packets of a segment file in the order in which they were added.
class SegmentPackets {
  public:
    explicit SegmentPackets(const std::string& path);
    /// The next packet, nullopt at the end. Throws Error(failed) when the file is cut short.
    [[nodiscard]] std::optional<media::Packet> next();
    /// The next packet's pts alone, its payload passed over.
    [[nodiscard]] std::optional<std::int64_t> next_pts();

  private:
    bool read_header(RecordHeader& header);

    std::string path_;
    std::ifstream file_;
};

}  // namespace millrace::pipeline
