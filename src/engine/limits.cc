#include "engine/limits.h"

#include <unistd.h>

#include <algorithm>

#include "device/picture.h"

namespace millrace::engine {

namespace {

constexpr std::size_t decoder_pictures = 24;  // 16 reference pictures, threads, and those handed on
constexpr std::size_t encoder_pictures = 24;  // references, threads and B-frames, beside the lookahead

std::size_t machine_memory() {
    return static_cast<std::size_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

std::size_t lane_bytes(const pipeline::ResolvedJob& job) {
    std::size_t bytes = decoder_pictures * device::picture_bytes(job.input.video.picture);
    if (job.video) {
        // The lookahead is held twice: inside the encoder, and as context for the segment before.
        const auto lookahead = static_cast<std::size_t>(job.video->encoder.context_frames);
        bytes += (encoder_pictures + 2 * lookahead) * device::picture_bytes(job.video->encoder.picture);
    }
    return bytes;
}

pipeline::Limits make_limits(const RunOptions& options, const pipeline::ResolvedJob& job, int cores) {
    constexpr std::size_t share = 4;
    pipeline::Limits limits;
    limits.cores = cores;
    limits.memory = options.memory > 0 ? options.memory : machine_memory() / share;
    const auto fitting = static_cast<int>(std::min<std::size_t>(limits.memory / lane_bytes(job), 1024));
    limits.lanes = options.lanes > 0 ? options.lanes : cores;
    limits.lanes = std::clamp(limits.lanes, 1, std::max(1, fitting));
    if (options.lanes > 0) limits.first_lanes = limits.lanes;  // asked for: nothing is left to find out
    return limits;
}

}  // namespace millrace::engine
