// NVDEC through the reader: frames a second at several numbers of lanes, and what it costs to begin.
//
//   nvdec_bench FILE [OTHER]     one JSON object on standard output
//
// Lanes take the file's segments in turn, over and over, for a fixed time each; what is decoded is thrown away.
// `first`: from opening the file (index made before) to its first frame, in milliseconds. OTHER, of another size and
// the same codec, makes decoders be reconfigured.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "device/cuda/probe.h"
#include "device/stream.h"
#include "media/frame_reader.h"
#include "media/nvidia/session.h"

namespace millrace::media {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

constexpr device::DeviceId gpu{device::DeviceKind::cuda, 0};
constexpr std::array<int, 5> lane_counts{1, 2, 4, 7, 14};
constexpr std::chrono::milliseconds warm_up{700};
constexpr std::chrono::milliseconds measured{2500};
constexpr int openings = 12;

double milliseconds(Clock::duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

double median(std::vector<double> values) {
    if (values.empty()) return 0;
    std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2));
    return values[values.size() / 2];
}

struct Input {
    explicit Input(const std::string& path) : source{.path = path}, index(build_index(*open_source(source))) {}

    [[nodiscard]] FrameRange segment(std::int64_t number) const {
        if (!index.segmentable()) throw core::Error(core::ErrorCode::usage, source.path + ": is one segment");
        const auto& points = index.access_points;
        const auto at = static_cast<std::size_t>(number) % points.size();
        FrameRange range{.begin = points[at].pts};
        if (at + 1 < points.size()) range.end = points[at + 1].pts;
        return range;
    }

    SourceOptions source;
    PacketIndex index;
};

class Bench {
  public:
    double frames_per_second(const Input& input, int lanes) {
        std::atomic<std::int64_t> next{0};
        std::atomic<std::int64_t> frames{0};
        std::vector<std::jthread> threads;
        for (int lane = 0; lane < lanes; ++lane) {
            threads.emplace_back([&](const std::stop_token& stop) { run_lane(stop, input, next, frames); });
        }
        std::this_thread::sleep_for(warm_up);
        while (frames == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        const std::int64_t before = frames;
        const Clock::time_point begin = Clock::now();
        std::this_thread::sleep_for(measured);
        const std::int64_t after = frames;
        return static_cast<double>(after - before) / (milliseconds(Clock::now() - begin) / 1000);
    }

    double first_frame(const Input& input) {
        const Clock::time_point begin = Clock::now();
        const auto reader = open_frame_reader(input.source, options(), input.index);
        reader->start(input.segment(0));
        device::Picture picture;
        if (!reader->next(picture)) throw core::Error(core::ErrorCode::bad_input, input.source.path + ": no frame");
        picture.timeline->before_all(device::host_stream());
        return milliseconds(Clock::now() - begin);
    }

  private:
    DecoderOptions options() {
        DecoderOptions options{.threads = 1};
        options.device = gpu;
        options.pictures = &pool_;
        return options;
    }

    void run_lane(const std::stop_token& stop, const Input& input, std::atomic<std::int64_t>& next,
                  std::atomic<std::int64_t>& frames) {
        try {
            const auto reader = open_frame_reader(input.source, options(), input.index);
            while (!stop.stop_requested()) {
                reader->start(input.segment(next++));
                for (device::Picture picture; !stop.stop_requested() && reader->next(picture);) ++frames;
            }
        } catch (const core::Error& error) {
            fmt::print(stderr, "nvdec_bench: {}\n", error.what());
            std::_Exit(1);
        }
    }

    device::BufferPool pool_{gpu, "bench", std::size_t{4} << 30U};
};

Json lanes(Bench& bench, const Input& input) {
    Json rows = Json::array();
    for (const int count : lane_counts) {
        nvidia::session_pool().clear();
        const nvidia::PoolCounts before = nvidia::session_pool().counts();
        const double rate = bench.frames_per_second(input, count);
        const nvidia::PoolCounts after = nvidia::session_pool().counts();
        const auto created = static_cast<double>(after.created - before.created);
        rows.push_back(
            {{"lanes", count},
             {"fps", rate},
             {"create_ms_each", 1000 * (after.create_seconds - before.create_seconds) / std::max(created, 1.0)}});
    }
    return rows;
}

template <class Prepare>
Json openings_of(Bench& bench, const std::vector<const Input*>& inputs, Prepare prepare) {
    std::vector<double> first;
    for (int i = 0; i < openings; ++i) {
        prepare();
        first.push_back(bench.first_frame(*inputs[static_cast<std::size_t>(i) % inputs.size()]));
    }
    // Beginnings of all inputs are behind after two rounds.
    const std::vector<double> warm(first.begin() + 4, first.end());
    return {{"median_ms", median(warm)}, {"largest_ms", *std::ranges::max_element(warm)}};
}

void run(const std::vector<std::string>& paths) {
    const std::vector<device::CudaDeviceInfo> devices = device::cuda_devices();
    if (devices.empty()) throw core::Error(core::ErrorCode::failed, "no GPU, or this build has no CUDA");
    const Input input(paths.at(0));
    Bench bench;
    nvidia::SessionPool& pool = nvidia::session_pool();
    Json out{{"device", devices.front().name},
             {"file", paths[0]},
             {"frames", input.index.frame_pts.size()},
             {"segments", input.index.access_points.size()}};
    out["first_rebuilt"] = openings_of(bench, {&input}, [&] { pool.clear(); });
    out["first_reused"] = openings_of(bench, {&input}, [] {});
    if (paths.size() > 1) {
        const Input other(paths[1]);
        pool.clear();
        const nvidia::PoolCounts before = pool.counts();
        out["first_reconfigured"] = openings_of(bench, {&input, &other}, [] {});
        const nvidia::PoolCounts after = pool.counts();
        const auto count = static_cast<double>(after.reconfigured - before.reconfigured);
        out["reconfigured"] = count;
        out["reconfigure_ms_each"] =
            1000 * (after.reconfigure_seconds - before.reconfigure_seconds) / std::max(count, 1.0);
    }
    out["lanes"] = lanes(bench, input);
    fmt::print("{}\n", out.dump(2));
}

}  // namespace
}  // namespace millrace::media

int main(int argc, char** argv) {
    const std::vector<std::string> paths(argv + 1, argv + argc);
    if (paths.empty() || paths.size() > 2) {
        fmt::print(stderr, "usage: nvdec_bench FILE [OTHER]\n");
        return 2;
    }
    try {
        millrace::media::run(paths);
    } catch (const std::exception& error) {
        fmt::print(stderr, "nvdec_bench: {}\n", error.what());
        return 1;
    }
    return 0;
}
