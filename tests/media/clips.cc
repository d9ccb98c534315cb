#include "media/clips.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <iomanip>
#include <memory>
#include <ostream>
#include <sstream>

#include "core/picture_desc.h"
#include "support/temporary_folder.h"

namespace millrace::media::test {

namespace {

std::array<std::uint32_t, 256> make_table() {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < 256; ++i) {
        std::uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit) value = (value & 1U) != 0 ? 0xEDB88320U ^ (value >> 1U) : value >> 1U;
        table.at(i) = value;
    }
    return table;
}

// CRC-32 as in IEEE 802.3.
void update(std::uint32_t& crc, const std::byte* data, std::size_t size) {
    static const std::array<std::uint32_t, 256> table = make_table();
    for (std::size_t i = 0; i < size; ++i) {
        crc = table[(crc ^ std::to_integer<std::uint32_t>(data[i])) & 0xFFU] ^ (crc >> 8U);
    }
}

// The order in which FFmpeg stores planes: gbrp is G, B, R.
std::size_t stored_plane(const core::PixelFormat& format, std::size_t i) {
    constexpr std::array<std::size_t, 3> gbr{1, 2, 0};
    return format.family == core::ColorFamily::rgb ? gbr.at(i) : i;
}

}  // namespace

std::string run(const std::string& command) {
    const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
    std::string out;
    std::array<char, 4096> buffer{};
    std::size_t got = 0;
    while ((got = fread(buffer.data(), 1, buffer.size(), pipe.get())) > 0) out.append(buffer.data(), got);
    return out;
}

std::string temporary(const std::string& name) {
    static const millrace::test::TemporaryFolder folder;
    return folder / name;
}

std::string make_clip(const std::string& name, const std::string& arguments) {
    // Kept for other tests, which run side by side: each process makes its own, then renames.
    const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "millrace_media";
    std::filesystem::create_directories(folder);
    const std::string path = folder / (std::to_string(std::hash<std::string>{}(arguments)) + "_" + name);
    if (std::filesystem::exists(path)) return path;
    const std::string made = folder / (std::to_string(getpid()) + "_" + name);
    const std::string command = "ffmpeg -nostdin -v error -y " + arguments + " '" + made + "' 2>&1";
    const std::string said = run(command);
    EXPECT_TRUE(std::filesystem::exists(made)) << command << "\n" << said;
    std::filesystem::rename(made, path);
    return path;
}

int sample(const device::Picture& picture, int plane, int x, int y) {
    const device::PlaneView& view = picture.planes.at(static_cast<std::size_t>(plane));
    const std::byte* row = view.data + y * view.pitch;
    if (picture.desc.format.depth == 8) return std::to_integer<int>(row[x]);
    std::uint16_t value = 0;
    std::memcpy(&value, row + static_cast<std::ptrdiff_t>(x) * 2, sizeof value);
    return value;
}

std::ostream& operator<<(std::ostream& out, const Shown& shown) {
    return out << shown.pts << ":" << std::hex << std::setw(8) << std::setfill('0') << shown.crc << std::dec;
}

std::vector<Shown> ffmpeg_frames(const std::string& path, const std::string& options, int ordinal) {
    const std::string lines =
        run("ffmpeg -nostdin -v quiet -copyts -i '" + path + "' -map 0:V:" + std::to_string(ordinal) +
            " -fps_mode passthrough -enc_time_base -1 " + options + " -f framehash -hash CRC32 -");
    std::vector<Shown> out;
    std::istringstream in(lines);
    for (std::string line; std::getline(in, line);) {
        if (line.empty() || line.front() == '#') continue;
        std::istringstream fields(line);
        std::array<std::string, 6> field;
        for (std::string& text : field) std::getline(fields, text, ',');
        out.push_back(
            {.pts = std::stoll(field[2]), .crc = static_cast<std::uint32_t>(std::stoul(field[5], nullptr, 16))});
    }
    return out;
}

Shown shown(const device::Picture& picture) {
    std::uint32_t crc = 0xFFFFFFFFU;
    const core::PictureDesc& desc = picture.desc;
    for (std::size_t i = 0; i < static_cast<std::size_t>(desc.format.plane_count()); ++i) {
        const std::size_t plane = stored_plane(desc.format, i);
        const int index = static_cast<int>(plane);
        const auto row = static_cast<std::size_t>(core::plane_samples(desc, index)) *
                         static_cast<std::size_t>(desc.format.bytes_per_sample());
        const device::PlaneView& view = picture.planes.at(plane);
        for (int y = 0; y < core::plane_rows(desc, index); ++y) update(crc, view.data + y * view.pitch, row);
    }
    return {.pts = picture.pts, .crc = crc ^ 0xFFFFFFFFU};
}

}  // namespace millrace::media::test
