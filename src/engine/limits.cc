#include "engine/limits.h"

#include <fmt/format.h>

#include <algorithm>

#include "device/picture.h"
#include "engine/machine.h"

namespace millrace::engine {

namespace {

// One lane never feeds a GPU, and one encoder never keeps up with it: a run begins with so many lanes a GPU, and where
// encoders are on the CPU with no less than give each two cores.
constexpr int first_gpu_lanes = 4;
constexpr int encoder_cores = 2;
// Chips have one to three NVENCs, and drivers for consumers' boards have allowed three sessions since 2020.
constexpr int nvenc_sessions = 3;
constexpr std::size_t decoder_pictures = 24;  // 16 reference pictures, threads, and those handed on
constexpr std::size_t encoder_pictures = 24;  // references, threads and B-frames, beside the lookahead
// An encoder keeps of each frame ahead the picture, smaller copies shifted by half a sample, and what moving costs.
constexpr std::size_t lookahead_pictures = 3;

// A core's share holds a lane of 1080p to 2160p with x264's veryfast, and is known beforehand. The quarter leaves room
// for what else runs where there are less than four GiB a core.
std::size_t default_memory(int cores) {
    constexpr std::size_t a_core = std::size_t{1} << 30U;
    return std::min(machine_memory() / 4, static_cast<std::size_t>(cores) * a_core);
}

}  // namespace

std::size_t memory_for(const RunOptions& options, int cores) {
    return options.memory > 0 ? options.memory : default_memory(cores);
}

std::size_t decoder_bytes(const core::PictureDesc& picture) {
    return decoder_pictures * device::picture_bytes(picture);
}

std::size_t lane_bytes(const pipeline::ResolvedJob& job) {
    std::size_t bytes = decoder_bytes(job.input.video.picture);
    if (job.video && !pipeline::encodes_on_gpu(job)) {
        // Looked at by the encoder, and held as context for the segment before.
        const auto lookahead = static_cast<std::size_t>(job.video->encoder.context_frames);
        const std::size_t pictures = encoder_pictures + (lookahead_pictures + 1) * lookahead;
        bytes += pictures * device::picture_bytes(job.video->encoder.picture);
    }
    return bytes;
}

pipeline::Limits make_limits(const RunOptions& options, const pipeline::ResolvedJob& job, int cores) {
    pipeline::Limits limits;
    limits.cores = cores;
    limits.memory = memory_for(options, cores);
    const auto fitting = static_cast<int>(std::min<std::size_t>(limits.memory / lane_bytes(job), 1024));
    limits.lanes = options.lanes > 0 ? options.lanes : cores;
    limits.lanes = std::clamp(limits.lanes, 1, std::max(1, fitting));
    if (options.lanes > 0) limits.first_lanes = limits.lanes;  // asked for: nothing is left to find out
    if (pipeline::encodes_on_gpu(job)) limits.encoders = nvenc_sessions * static_cast<int>(job.devices.size());
    if (pipeline::on_gpu(job)) {
        const bool encodes = job.video && !pipeline::encodes_on_gpu(job);
        const int first =
            std::max(first_gpu_lanes * static_cast<int>(job.devices.size()), encodes ? cores / encoder_cores : 0);
        limits.first_lanes = std::min(limits.lanes, std::max(limits.first_lanes, first));
    }
    return limits;
}

std::string limits_note(const RunOptions& options, const pipeline::ResolvedJob& job) {
    const int wanted = options.lanes > 0 ? options.lanes : job.limits.cores;
    const int most = std::min(wanted, static_cast<int>(job.input.segments.size()));
    if (job.limits.lanes >= most) return "";
    const std::size_t needed = static_cast<std::size_t>(most) * lane_bytes(job);
    return fmt::format("memory allows {} of {} lanes; --memory {}M allows all (docs/memory.md)", job.limits.lanes, most,
                       needed / mib + 1);
}

}  // namespace millrace::engine
