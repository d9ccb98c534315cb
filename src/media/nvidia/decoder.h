#pragma once
// media's Decoder on NVDEC. No CUDA headers here: the room's front includes it.

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "media/decoder.h"
#include "media/packet_filter.h"
#include "media/source.h"

namespace millrace::media::nvidia {

struct Library;
class SessionPool;

/// What a decoder works with; tests put in their own.
struct DecoderParts {
    const Library& library;
    SessionPool& sessions;
    std::unique_ptr<PacketFilter> filter;
    StreamInfo stream;
    std::string path;  ///< for messages
};

/// `options.pictures` is set. Throws Error(bad_input) where the stream is none for NVDEC.
[[nodiscard]] std::unique_ptr<Decoder> make_decoder(DecoderParts parts, const DecoderOptions& options);

/// The same with the device's library and the process's pool. Throws Error(failed) in a build without CUDA.
[[nodiscard]] std::unique_ptr<Decoder> make_decoder(const Source& source, const DecoderOptions& options);

/// Why the device cannot decode the stream; nullopt: it can. Throws Error(failed) where there is no device to ask.
[[nodiscard]] std::optional<std::string> why_not(const StreamInfo& stream, int index);

/// See surface_bytes_on_gpu().
[[nodiscard]] std::size_t surface_bytes(const StreamInfo& stream);

}  // namespace millrace::media::nvidia
