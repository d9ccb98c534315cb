#pragma once
// Encoding and writing in tests: pictures drawn from a formula, and ffprobe's view of what was written.

#include <cstdint>
#include <string>
#include <vector>

#include "device/picture.h"
#include "media/encoder.h"
#include "media/sink.h"

namespace millrace::media::test {

/// 8-bit or deeper layout of planar yuv with BT.709, limited range.
[[nodiscard]] core::PictureDesc yuv_desc(int width, int height, std::uint8_t depth = 8, std::uint8_t log2_w = 1,
                                         std::uint8_t log2_h = 1);

/// Picture `number` of a moving pattern with some noise; pts and duration as given.
[[nodiscard]] device::Picture draw(const core::PictureDesc& desc, int number, std::int64_t pts, std::int64_t duration);

/// Times of frames: pts, and one more for the end.
[[nodiscard]] std::vector<std::int64_t> constant_times(int frames, std::int64_t start, std::int64_t distance);
/// Distances that vary between 1/2 and 2 of `distance`.
[[nodiscard]] std::vector<std::int64_t> variable_times(int frames, std::int64_t start, std::int64_t distance);

/// A 25 fps yuv420p input of 128x72 at 1/12800.
[[nodiscard]] EncoderInput small_input();

struct Encoded {
    EncoderSettings settings;
    EncodedStream stream;
    std::vector<Packet> packets;  ///< decode order, dts by make_dts()
};

/// Feed drawn pictures numbered from `first` at times[first..last), a key frame forced at each of `keys`.
[[nodiscard]] Encoded encode(const EncoderSettings& settings, const std::vector<std::int64_t>& times,
                             std::vector<int> keys = {});
[[nodiscard]] Encoded encode_range(const EncoderSettings& settings, const std::vector<std::int64_t>& times, int first,
                                   int last, std::vector<int> keys = {});

/// Give all packets their dts as the join does.
void set_dts(std::vector<Packet>& packets);

/// What the sink is told about an encoded stream.
[[nodiscard]] SinkVideo describe_video(const Encoded& encoded);

/// Write a whole file; the notes, of which those on losses must be foreseen.
std::vector<CopyNote> write_file(const SinkOptions& options, const Encoded& encoded, const Source* source = nullptr,
                                 const CopyOptions& copy = {});

/// One frame as ffprobe shows it, in ticks of the stream's time base there.
struct ProbedFrame {
    std::int64_t pts = 0;
    std::int64_t duration = 0;
    std::string type;  ///< I, P or B

    friend bool operator==(const ProbedFrame&, const ProbedFrame&) = default;
};
[[nodiscard]] std::vector<ProbedFrame> probe_frames(const std::string& path);

/// `ffprobe -show_entries <entries>` of a file, in its csv form without section names, lines trimmed.
[[nodiscard]] std::string probe(const std::string& path, const std::string& entries, const std::string& more = "");

/// What ffmpeg complains about while it decodes the whole file; empty when all is well.
[[nodiscard]] std::string decode_errors(const std::string& path);

/// Hashes and times of the packets of one kind of stream ("a", "s"): ffmpeg -c copy -f framehash. Times are dropped.
[[nodiscard]] std::vector<std::string> packet_hashes(const std::string& path, const std::string& streams);

}  // namespace millrace::media::test
