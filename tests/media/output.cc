#include "output.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "clips.h"
#include "device/buffer_pool.h"
#include "media/join.h"

namespace millrace::media::test {

namespace {

device::BufferPool& pool() {
    static device::BufferPool pool({}, "test pictures", std::size_t{2} << 30);
    return pool;
}

std::uint32_t hash(std::uint32_t value) {
    value ^= value >> 16;
    value *= 0x7feb352dU;
    value ^= value >> 15;
    value *= 0x846ca68bU;
    return value ^ (value >> 16);
}

/// 0 to 255: a bar and waves that move, and noise of a few steps.
unsigned sample(int x, int y, int plane, int number) {
    const double wave = 50 * std::sin(0.11 * (x + 2 * number)) + 40 * std::cos(0.07 * (y - number) + plane);
    const bool bar = (x / 8 + number) % 13 == 0;
    const auto noise =
        static_cast<int>(hash(static_cast<std::uint32_t>(x * 7919 + y * 104729 + number * 31 + plane)) % 9);
    const int value = 118 + static_cast<int>(wave * (plane == 0 ? 1 : 0.4)) + (bar && plane == 0 ? 60 : 0) + noise;
    return static_cast<unsigned>(std::clamp(value, 16, 235));
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> out;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
        if (!line.empty()) out.push_back(line);
    }
    return out;
}

std::vector<std::string> fields_of(const std::string& line) {
    std::vector<std::string> out;
    std::istringstream in(line);
    for (std::string field; std::getline(in, field, ',');) out.push_back(field);
    return out;
}

std::int64_t number_or(const std::string& text, std::int64_t other) {
    return text.empty() || text == "N/A" ? other : std::stoll(text);
}

void drain(Encoder& encoder, std::vector<Packet>& packets) {
    Packet packet;
    while (encoder.receive(packet) == core::Receive::ready) packets.push_back(std::move(packet));
}

}  // namespace

core::PictureDesc yuv_desc(int width, int height, std::uint8_t depth, std::uint8_t log2_w, std::uint8_t log2_h) {
    return {.width = width,
            .height = height,
            .format = {.depth = depth, .log2_chroma_w = log2_w, .log2_chroma_h = log2_h},
            .color = {.matrix = core::Matrix::bt709,
                      .range = core::Range::limited,
                      .primaries = 1,
                      .transfer = 1,
                      .siting = core::ChromaSiting::left}};
}

device::Picture draw(const core::PictureDesc& desc, int number, std::int64_t pts, std::int64_t duration) {
    device::Picture picture = device::lease_picture(pool(), desc);
    const unsigned shift =
        desc.format.depth - 8U + (desc.format.alignment == core::Alignment::high ? 16U - desc.format.depth : 0U);
    for (int plane = 0; plane < desc.format.plane_count(); ++plane) {
        const device::PlaneView& view = picture.planes.at(static_cast<std::size_t>(plane));
        for (int y = 0; y < core::plane_rows(desc, plane); ++y) {
            std::byte* row = view.data + y * view.pitch;
            for (int x = 0; x < core::plane_samples(desc, plane); ++x) {
                const unsigned value = sample(x, y, plane, number) << shift;
                if (desc.format.depth == 8) {
                    row[x] = static_cast<std::byte>(value);
                } else {
                    reinterpret_cast<std::uint16_t*>(row)[x] = static_cast<std::uint16_t>(value);
                }
            }
        }
    }
    picture.pts = pts;
    picture.duration = duration;
    return picture;
}

std::vector<std::int64_t> constant_times(int frames, std::int64_t start, std::int64_t distance) {
    std::vector<std::int64_t> out;
    for (int i = 0; i <= frames; ++i) out.push_back(start + i * distance);
    return out;
}

std::vector<std::int64_t> variable_times(int frames, std::int64_t start, std::int64_t distance) {
    std::vector<std::int64_t> out{start};
    for (int i = 0; i < frames; ++i) {
        const std::int64_t part = 50 + hash(static_cast<std::uint32_t>(i)) % 150;
        out.push_back(out.back() + std::max<std::int64_t>(1, distance * part / 100));
    }
    return out;
}

EncoderInput small_input() {
    return {.picture = yuv_desc(128, 72),
            .time_base = {1, 12800},
            .frame_rate = {25, 1},
            .sample_aspect_ratio = {1, 1},
            .hdr = {}};
}

Encoded encode(const EncoderSettings& settings, const std::vector<std::int64_t>& times, std::vector<int> keys) {
    return encode_range(settings, times, 0, static_cast<int>(times.size()) - 1, std::move(keys));
}

Encoded encode_range(const EncoderSettings& settings, const std::vector<std::int64_t>& times, int first, int last,
                     std::vector<int> keys) {
    const std::unique_ptr<Encoder> encoder = make_encoder(settings);
    Encoded out{.settings = settings, .stream = encoder->stream(), .packets = {}};
    for (int i = first; i < last; ++i) {
        const auto at = static_cast<std::size_t>(i);
        const device::Picture picture = draw(settings.picture, i, times[at], times[at + 1] - times[at]);
        const bool key = std::ranges::find(keys, i) != keys.end();
        while (encoder->send(picture, key ? FrameKind::key : FrameKind::automatic) == core::Feed::full) {
            drain(*encoder, out.packets);
        }
        drain(*encoder, out.packets);
    }
    encoder->finish();
    drain(*encoder, out.packets);
    Packet packet;
    EXPECT_EQ(encoder->receive(packet), core::Receive::end);
    set_dts(out.packets);
    return out;
}

void set_dts(std::vector<Packet>& packets) {
    std::vector<std::int64_t> pts;
    for (const Packet& packet : packets) pts.push_back(packet.pts);
    const int reorder = largest_reorder(pts);
    std::ranges::sort(pts);
    const std::vector<std::int64_t> dts = make_dts(pts, reorder);
    for (std::size_t i = 0; i < packets.size(); ++i) packets[i].dts = dts[i];
}

SinkVideo describe_video(const Encoded& encoded) {
    std::vector<std::int64_t> pts;
    for (const Packet& packet : encoded.packets) pts.push_back(packet.pts);
    return {.picture = encoded.settings.picture,
            .time_base = encoded.settings.input.time_base,
            .frame_rate = encoded.settings.input.frame_rate,
            .sample_aspect_ratio = encoded.settings.input.sample_aspect_ratio,
            .stream = encoded.stream,
            .reorder = largest_reorder(pts),
            .hdr = encoded.settings.input.hdr,
            .first_pts = encoded.packets.front().pts,
            .first_dts = encoded.packets.front().dts};
}

namespace {

std::vector<std::string> losses_of(const std::vector<CopyNote>& notes) {
    std::vector<std::string> losses;
    for (const CopyNote& note : notes) {
        // Follows from what was encoded.
        if (note.loss && !note.text.starts_with("avi has no presentation times")) losses.push_back(note.text);
    }
    return losses;
}

}  // namespace

std::vector<CopyNote> write_file(const SinkOptions& options, const Encoded& encoded, const Source* source,
                                 const CopyOptions& copy) {
    const std::unique_ptr<Sink> sink = open_sink(options);
    std::vector<CopyNote> notes = sink->begin(describe_video(encoded), source, copy);
    if (source != nullptr) {
        EXPECT_EQ(losses_of(foresee_losses(options, *source, copy)), losses_of(notes));
    }
    for (const Packet& packet : encoded.packets) sink->write(packet);
    sink->finish();
    return notes;
}

std::vector<ProbedFrame> probe_frames(const std::string& path) {
    const std::string text =
        run("ffprobe -v error -select_streams v:0 -show_entries frame=pts,pkt_duration,pict_type -of csv=p=0:nk=1 '" +
            path + "'");
    std::vector<ProbedFrame> out;
    for (const std::string& line : lines_of(text)) {
        const std::vector<std::string> fields = fields_of(line);
        if (fields.size() < 3) continue;
        out.push_back({number_or(fields[0], core::no_pts), number_or(fields[1], 0), fields[2]});
    }
    return out;
}

std::string probe(const std::string& path, const std::string& entries, const std::string& more) {
    std::string out = run(fmt::format("ffprobe -v error {} -show_entries {} -of csv=p=0 '{}'", more, entries, path));
    while (!out.empty() && (out.back() == '\n' || out.back() == ',')) out.pop_back();
    return out;
}

std::string decode_errors(const std::string& path) {
    // What the null muxer says of variable times is no error.
    return run(fmt::format(
        "ffmpeg -v error -i '{}' -map 0:v:0 -f null - 2>&1 | grep -v -e 'null @' -e repeated || true", path));
}

std::vector<std::string> packet_hashes(const std::string& path, const std::string& streams) {
    std::vector<std::string> out;
    const std::string text =
        run(fmt::format("ffmpeg -v error -i '{}' -map 0:{} -c copy -f framehash -hash md5 -", path, streams));
    for (const std::string& line : lines_of(text)) {
        if (line.front() == '#') continue;
        out.push_back(fields_of(line).at(5));  // what follows is side data
    }
    return out;
}

}  // namespace millrace::media::test
