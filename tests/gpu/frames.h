#pragma once
// Frames of files, decoded on the CPU and on a GPU, in a form that can be compared.

#include <cstdint>
#include <string>
#include <vector>

#include "device/buffer_pool.h"
#include "gpu/support.h"
#include "media/frame_reader.h"

namespace millrace::media::test {

/// Codes of all samples, component after component, whatever the layout.
using Codes = std::vector<std::uint16_t>;

struct Frame {
    std::int64_t pts = 0;
    std::int64_t duration = 0;
    int width = 0;
    int height = 0;
    std::uint64_t hash = 0;  ///< of the codes

    friend bool operator==(const Frame&, const Frame&) = default;
};
std::ostream& operator<<(std::ostream& out, const Frame& frame);

struct Decoded {
    std::vector<Frame> frames;
    std::vector<Codes> codes;  ///< with Keep::codes
    std::vector<device::PictureFlags> flags;
    std::vector<core::PictureDesc> descs;
    ReadStats stats;
    std::size_t expected = 0;  ///< frames that the index promised
    bool segmentable = false;
};

enum class Keep { hashes, codes };

/// Decodes on the host, or on the first GPU.
class Reading {
  public:
    explicit Reading(device::DeviceKind kind, std::size_t budget = std::size_t{1} << 30U);

    /// A range of the file, by a reader of its own.
    [[nodiscard]] Decoded read(const std::string& path, const FrameRange& range = {}, Keep keep = Keep::hashes);
    /// The same by a reader that was made before, for an index that it was made with.
    void read(FrameReader& reader, const FrameRange& range, Decoded& decoded, Keep keep = Keep::hashes);
    [[nodiscard]] DecoderOptions options();

  private:
    [[nodiscard]] Codes codes_of(const device::Picture& picture);

    device::DeviceKind kind_;
    device::BufferPool memory_;
    device::BufferPool host_;
    device::Stream stream_;
};

/// A file that comes with the repository: "samples/bbb.mp4". Looked for below the current folder first.
[[nodiscard]] std::string repository_file(const std::string& name);

}  // namespace millrace::media::test
