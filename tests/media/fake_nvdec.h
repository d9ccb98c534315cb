#pragma once
// NVDEC without a chip: the driver's functions on host memory, told by the packets what to do.
//
// A packet is text, commands that end in ';':
//   seq W H MIN [CHROMA DEPTH [LEFT TOP RIGHT BOTTOM]]   the parser sees a sequence that needs MIN surfaces
//   dec SURFACE VALUE [STATUS]   the parser has a picture of samples sample(VALUE, plane, x, y); -1: the chip rejects
//   it show SURFACE [PROGRESSIVE]   the parser shows it, with the time of the packet that decoded it bad the parser
//   finds damage hdr                          nothing; counted
// What "show" was not asked for in time is not shown.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "media/nvidia/library.h"

namespace millrace::media::test {

/// Everything the fake saw. One at a time in a process.
struct FakeNvdec {
    FakeNvdec();
    ~FakeNvdec();
    FakeNvdec(const FakeNvdec&) = delete;
    FakeNvdec& operator=(const FakeNvdec&) = delete;
    FakeNvdec(FakeNvdec&&) = delete;
    FakeNvdec& operator=(FakeNvdec&&) = delete;

    nvidia::Library library;
    CUVIDDECODECAPS caps{};  ///< the answer to everything
    int caps_asked = 0;
    int fail_creations = 0;  ///< so many fail with out of memory
    CUresult map_result = CUDA_SUCCESS;

    int contexts = 0;  ///< entered and not left
    int parsers = 0;   ///< alive
    int parsers_made = 0;
    int decoders = 0;  ///< alive
    int mapped = 0;    ///< now
    int mapped_most = 0;
    int packets = 0;  ///< parsed
    int headers = 0;  ///< "hdr" seen
    std::vector<CUVIDDECODECREATEINFO> created;
    std::vector<CUVIDRECONFIGUREDECODERINFO> reconfigured;
    std::vector<int> decoded;  ///< values, in order
    std::vector<int> shown;    ///< values of surfaces, when they were mapped
};

/// What the fake puts into a sample, before deep ones are moved to the high bits.
[[nodiscard]] int fake_sample(int value, int plane, int x, int y);

}  // namespace millrace::media::test
