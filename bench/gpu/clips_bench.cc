// Short clips, one after another in one process: from opening a file to its first frame as a model's input.
//
//   clips_bench FOLDER [--host]     one JSON object on standard output
//
// Every file of FOLDER (bench/gpu/make_clips.py makes 200) is opened, indexed and decoded as a run does it, and its
// first frame becomes a float16 tensor of 224x224 on the GPU; the clock stops when that is complete. The rest of the
// clip is read outside the time, so that the next one finds an idle chip. One round warms up; then one with decoders
// kept from clip to clip, and one with the pool of decoders cleared before each. `parts` add up to `total`, each
// clip's. --host: the same on the CPU, without a GPU.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/error.h"
#include "device/cuda/probe.h"
#include "device/stream.h"
#include "media/frame_reader.h"
#include "media/nvidia/session.h"
#include "ops/to_tensor.h"

namespace millrace::media {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

constexpr std::size_t budget = std::size_t{4} << 30U;
constexpr int model_extent = 224;

/// Milliseconds.
struct Parts {
    double open = 0;     ///< the file, its headers
    double index = 0;    ///< all its packets
    double reader = 0;   ///< reader and decoder
    double picture = 0;  ///< the first picture, complete
    double tensor = 0;

    [[nodiscard]] double total() const { return open + index + reader + picture + tensor; }
};

/// What a round found, by codec.
using Rounds = std::map<std::string, std::vector<Parts>>;

class Lap {
  public:
    double operator()() {
        const Clock::time_point now = Clock::now();
        const double spent = std::chrono::duration<double, std::milli>(now - last_).count();
        last_ = now;
        return spent;
    }

  private:
    Clock::time_point last_ = Clock::now();
};

class Bench {
  public:
    explicit Bench(device::DeviceId device) : device_(device), pictures_(device, "pictures", budget) {}

    Parts first_frame(const std::string& path, std::string& codec) {
        Parts parts;
        Lap lap;
        const SourceOptions options{.path = path};
        std::shared_ptr<Source> source = open_source(options);
        parts.open = lap();
        const PacketIndex index = build_index(*source);
        parts.index = lap();
        source->video_only();
        const auto reader = open_frame_reader(options, decoder_options(), index, std::move(source));
        reader->start({});
        parts.reader = lap();
        device::Picture picture;
        if (!reader->next(picture)) throw core::Error(core::ErrorCode::bad_input, path + ": no frame");
        if (picture.timeline) picture.timeline->before_all(device::host_stream());
        parts.picture = lap();
        to_tensor(picture);
        parts.tensor = lap();
        codec = reader->info().video_stream().codec;
        while (reader->next(picture)) {
        }
        return parts;
    }

  private:
    DecoderOptions decoder_options() {
        DecoderOptions options{.threads = 1};
        if (device_.kind == device::DeviceKind::host) return options;
        options.device = device_;
        options.pictures = &pictures_;
        return options;
    }

    // A run makes its conversion once a file, too: tables for one description of pictures.
    void to_tensor(const device::Picture& picture) {
        const ops::ToTensor convert(
            picture.desc, {.dtype = core::DType::float16},
            ops::ResizeSpec{model_extent, model_extent, ops::Fit::stretch, ops::Filter::bilinear});
        const device::Tensor tensor = device::lease_tensor(pictures_, convert.output());
        convert.run(stream_, picture, tensor);
        device::synchronize(stream_);
    }

    device::DeviceId device_;
    device::BufferPool pictures_;
    device::Stream stream_{device_};
};

Json percentiles(std::vector<double> values) {
    std::ranges::sort(values);
    const auto at = [&](double share) {
        const auto place = static_cast<std::size_t>(share * static_cast<double>(values.size()));
        return values[std::min(place, values.size() - 1)];
    };
    return {{"p50", at(0.5)}, {"p90", at(0.9)}, {"p99", at(0.99)}, {"largest", values.back()}};
}

template <class Value>
Json percentiles_of(const std::vector<Parts>& clips, Value value) {
    std::vector<double> values;
    for (const Parts& parts : clips) values.push_back(std::invoke(value, parts));
    return percentiles(std::move(values));
}

Json report(const Rounds& rounds) {
    std::vector<Parts> all;
    Json codecs = Json::object();
    for (const auto& [codec, clips] : rounds) {
        all.insert(all.end(), clips.begin(), clips.end());
        codecs[codec] = percentiles_of(clips, &Parts::total);
    }
    Json parts{{"open", percentiles_of(all, &Parts::open)},
               {"index", percentiles_of(all, &Parts::index)},
               {"reader", percentiles_of(all, &Parts::reader)},
               {"picture", percentiles_of(all, &Parts::picture)},
               {"tensor", percentiles_of(all, &Parts::tensor)}};
    return {{"total_ms", percentiles_of(all, &Parts::total)}, {"parts_ms", parts}, {"total_ms_by_codec", codecs}};
}

template <class Prepare>
Json round_of(Bench& bench, const std::vector<std::string>& paths, Prepare prepare) {
    const nvidia::PoolCounts before = nvidia::session_pool().counts();
    Rounds rounds;
    for (const std::string& path : paths) {
        prepare();
        std::string codec;
        const Parts parts = bench.first_frame(path, codec);
        rounds[codec].push_back(parts);
    }
    const nvidia::PoolCounts after = nvidia::session_pool().counts();
    Json out = report(rounds);
    out["decoders"] = {{"created", after.created - before.created},
                       {"reconfigured", after.reconfigured - before.reconfigured},
                       {"reused", after.reused - before.reused}};
    return out;
}

std::vector<std::string> files_of(const std::string& folder) {
    std::vector<std::string> paths;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (entry.is_regular_file()) paths.push_back(entry.path().string());
    }
    std::ranges::sort(paths);
    if (paths.empty()) throw core::Error(core::ErrorCode::usage, folder + ": no files");
    return paths;
}

void run(const std::string& folder, device::DeviceId device) {
    Json out{{"device", "host"}};
    if (device.kind == device::DeviceKind::cuda) {
        const std::vector<device::CudaDeviceInfo> devices = device::cuda_devices();
        if (devices.empty()) throw core::Error(core::ErrorCode::failed, "no GPU, or this build has no CUDA: --host");
        out["device"] = devices.front().name;
    }
    const std::vector<std::string> paths = files_of(folder);
    out["clips"] = paths.size();
    Bench bench(device);
    const auto keep = [] {};
    (void)round_of(bench, paths, keep);
    out["decoders_kept"] = round_of(bench, paths, keep);
    if (device.kind == device::DeviceKind::cuda) {
        out["decoders_rebuilt"] = round_of(bench, paths, [] { nvidia::session_pool().clear(); });
    }
    fmt::print("{}\n", out.dump(2));
}

}  // namespace
}  // namespace millrace::media

int main(int argc, char** argv) {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    const bool host = arguments.size() == 2 && arguments[1] == "--host";
    if (arguments.empty() || (arguments.size() == 2 && !host) || arguments.size() > 2) {
        fmt::print(stderr, "usage: clips_bench FOLDER [--host]\n");
        return 2;
    }
    const auto kind = host ? millrace::device::DeviceKind::host : millrace::device::DeviceKind::cuda;
    try {
        millrace::media::run(arguments[0], {kind, 0});
    } catch (const std::exception& error) {
        fmt::print(stderr, "clips_bench: {}\n", error.what());
        return 1;
    }
    return 0;
}
