#pragma once
// Clips for tests, made by the ffmpeg program, and what that program decodes them to.

#include <cstdint>
#include <string>
#include <vector>

#include "device/picture.h"

namespace millrace::media::test {

/// A file under the build's temporary folder, made once by `ffmpeg -y <arguments> <file>` (arguments as for a shell).
/// Fails the test when ffmpeg does.
[[nodiscard]] std::string make_clip(const std::string& name, const std::string& arguments);

/// A path in the same folder.
[[nodiscard]] std::string temporary(const std::string& name);

/// Runs a shell command; its standard output. Fails the test when it fails.
std::string run(const std::string& command);

/// The sample at (x, y) of a plane of a host picture, as it is stored.
[[nodiscard]] int sample(const device::Picture& picture, int plane, int x, int y);

/// One shown frame: its time in the stream's time base, and a CRC-32 of its samples, plane after plane.
struct Shown {
    std::int64_t pts = 0;
    std::uint32_t crc = 0;

    friend bool operator==(const Shown&, const Shown&) = default;
};
std::ostream& operator<<(std::ostream& out, const Shown& shown);

/// What ffmpeg decodes a file's video stream `ordinal` to. `options`: more output options.
[[nodiscard]] std::vector<Shown> ffmpeg_frames(const std::string& path, const std::string& options = "",
                                               int ordinal = 0);

/// The same of one of our pictures.
[[nodiscard]] Shown shown(const device::Picture& picture);

}  // namespace millrace::media::test
