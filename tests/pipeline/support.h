#pragma once
// What the tests of this room share: files, errors as values, an index of a made-up file.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "media/index.h"
#include "media/packet.h"
#include "support/error_of.h"
#include "support/temporary_folder.h"

namespace millrace::pipeline::test {

[[nodiscard]] std::string read_file(const std::string& path);
void write_file(const std::string& path, std::string_view text);
[[nodiscard]] bool exists(const std::string& path);

using millrace::test::error_of;
using millrace::test::TemporaryFolder;

/// A packet that owns `payload`.
[[nodiscard]] media::Packet make_packet(std::int64_t pts, std::string_view payload);
[[nodiscard]] std::string payload_of(const media::Packet& packet);

/// An index of frames at `pts` (sorted) with access points at the frames whose numbers are in `access`.
[[nodiscard]] media::PacketIndex make_index(std::vector<std::int64_t> pts, const std::vector<std::size_t>& access);
/// `frames` frames `step` ticks apart from `first`, an access point every `gop` frames.
[[nodiscard]] media::PacketIndex make_index(std::int64_t frames, std::int64_t step, std::int64_t gop,
                                            std::int64_t first = 0);

}  // namespace millrace::pipeline::test
