// Runs of a model alone on a GPU, batch by batch: one line of JSON each.
//
//   gpu_infer_bench MODEL [WIDTHxHEIGHT] [CHOICE|-] [BATCH...]
//   gpu_infer_bench --layers
//
// --layers: a table of single layers of fused nets instead (gpu/layers_bench.h).
// CHOICE as "cuda/nhwc/graph/full/heuristic"; "fused": with plans chosen now; "-": measured at load.
// MILLRACE_ONNXRUNTIME: libonnxruntime with CUDA. `ms` is a run's time on its stream, in a row with others, between
// events on the GPU; `memory_mib` what the device has less than before the session was loaded, of all processes.
// `kernel_share`: the part of such a row, run once more under CUPTI (`watched_ms` a run), in which a kernel ran; null
// where CUPTI is not to be had.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "device/buffer_pool.h"
#include "device/copy.h"
#include "device/cuda/activity.h"
#include "device/cuda/probe.h"
#include "device/stream.h"
#include "device/tensor.h"
#include "gpu/layers_bench.h"
#include "infer/engine_runtime.h"
#include "infer/session.h"

namespace millrace::infer {
namespace {

constexpr device::DeviceId gpu{device::DeviceKind::cuda, 0};
constexpr std::size_t plenty = std::size_t{64} << 30U;
constexpr double seconds = 1.0;  ///< of runs, after a tenth of that to warm up

std::vector<device::Tensor> filled(device::BufferPool& pool, device::StreamRef stream,
                                   const std::vector<core::TensorDesc>& descs) {
    device::BufferPool host({}, "bench", plenty);
    std::vector<device::Tensor> tensors;
    unsigned state = 1;
    for (const core::TensorDesc& desc : descs) {
        const device::Tensor values = device::lease_tensor(host, desc);
        // 1/2 to 1, as zeros would cost less power, and so less time.
        for (std::int64_t i = 0; i < desc.element_count(); ++i) {
            state = state * 1664525U + 1013904223U;
            if (desc.dtype == core::DType::float32) values.as<std::uint32_t>()[i] = 0x3f000000U | (state >> 9U);
            if (desc.dtype == core::DType::float16) {
                values.as<std::uint16_t>()[i] = static_cast<std::uint16_t>(0x3800U | (state >> 22U));
            }
        }
        tensors.push_back(device::lease_tensor(pool, desc));
        device::copy(stream, values, tensors.back());
        device::synchronize(stream);
    }
    return tensors;
}

struct Watched {
    double ms = 0;  ///< a run
    double kernel_share = 0;
    double kernels = 0;  ///< a run
};

struct Timing {
    double ms = 0;  ///< a run
    std::optional<Watched> watched;
};

/// `time`: does so many runs, and says how many seconds one took.
template <typename Time>
std::optional<Watched> watch(const Time& time, int runs) {
    try {
        device::ActivityMonitor monitor(nullptr, std::chrono::hours(1));  // all of it
        const double seconds_a_run = time(runs);
        const device::ActivityReport report = monitor.stop();
        if (report.dropped > 0 || report.devices.empty())
            throw core::Error(core::ErrorCode::failed, "CUPTI lost records");
        const device::DeviceActivity& seen = report.devices.front();
        return Watched{1e3 * seconds_a_run, seen.kernel_seconds / (seconds_a_run * runs),
                       static_cast<double>(seen.kernels) / runs};
    } catch (const core::Error& error) {
        fmt::print(stderr, "gpu_infer_bench: time in kernels is not known: {}\n", error.what());
    }
    return std::nullopt;
}

Timing timing_of(Session& session) {
    device::BufferPool pool(gpu, "bench", plenty);
    const device::StreamRef stream = session.stream();
    const std::vector<device::Tensor> inputs = filled(pool, stream, session.input_descs());
    std::vector<device::Tensor> outputs;
    for (const core::TensorDesc& desc : session.output_descs()) outputs.push_back(device::lease_tensor(pool, desc));
    device::Event begin(gpu, device::EventKind::timing);
    device::Event end(gpu, device::EventKind::timing);
    const auto time = [&](int runs) {
        begin.record(stream);
        for (int i = 0; i < runs; ++i) session.run(stream, {inputs, outputs});
        end.record(stream);
        device::synchronize(stream);
        return device::elapsed(begin.ref(), end.ref()) / runs;
    };
    (void)time(3);
    const double roughly = time(std::max(1, static_cast<int>(0.1 * seconds / time(3))));
    const int runs = std::max(3, static_cast<int>(seconds / roughly));
    const double ms = 1e3 * time(runs);
    return {ms, watch(time, runs)};
}

struct Opened {
    std::unique_ptr<Session> session;
    double plans_seconds = 0;  ///< in which plans of fused layers were chosen; the session then loaded them
};

/// Plans of fused layers are chosen for this run alone.
Opened open_session(const ModelRequest& request, const ModelDescription& model, Size size) {
    if (!request.choice || request.choice->provider != Provider::fused) return {make_session(request, model, size)};
    const auto engines = load_fused(request.runtime_library);
    std::string folder = std::filesystem::temp_directory_path() / "millrace-plans-XXXXXX";
    if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder");
    Opened opened;
    opened.plans_seconds = engines->load({request, model, size}, folder)->report().load_seconds;
    opened.session = engines->load({request, model, size}, folder);
    std::filesystem::remove_all(folder);
    return opened;
}

void bench(const ModelRequest& request, Size size) {
    const std::size_t before = device::cuda_memory(0).free_bytes;
    const ModelDescription model = describe_model(request);
    const auto [session, plans_seconds] = open_session(request, model, model.input_size.value_or(size));
    const std::size_t after = device::cuda_memory(0).free_bytes;
    const auto [ms, watched] = timing_of(*session);
    const SessionReport report = session->report();
    nlohmann::json line{{"model", request.path},
                        {"input", core::to_string(session->input_descs().at(0))},
                        {"batch", model.batch},
                        {"choice", to_string(report.choice)},
                        {"ms", ms},
                        {"fps", 1e3 * model.batch / ms},
                        {"load_s", report.load_seconds},
                        {"plans_s", plans_seconds},
                        {"first_run_s", report.first_run_seconds},
                        {"memory_mib", static_cast<double>(before - std::min(before, after)) / 1048576},
                        {"fallbacks", report.fallbacks},
                        {"kernel_share", nullptr}};
    if (watched)
        line.update(
            {{"kernel_share", watched->kernel_share}, {"watched_ms", watched->ms}, {"kernels", watched->kernels}});
    fmt::print("{}\n", line.dump());
    std::fflush(stdout);
}

int run(const std::vector<std::string>& arguments) {
    if (arguments.empty()) {
        fmt::print(stderr, "usage: gpu_infer_bench MODEL [WIDTHxHEIGHT] [CHOICE|-] [BATCH...] | --layers\n");
        return 2;
    }
    if (arguments[0] == "--layers") {
        fused::cuda::bench_layers();
        return 0;
    }
    ModelRequest request;
    request.path = arguments[0];
    request.device = gpu;
    if (const char* library = std::getenv("MILLRACE_ONNXRUNTIME")) request.runtime_library = library;
    Size size{1920, 1080};
    if (arguments.size() > 1 && std::sscanf(arguments[1].c_str(), "%dx%d", &size.width, &size.height) != 2) return 2;
    if (arguments.size() > 2 && arguments[2] != "-") request.choice = parse_runtime_choice(arguments[2]);
    std::vector<int> batches{1, 2, 4, 8, 16};
    if (arguments.size() > 3) batches.clear();
    for (std::size_t i = 3; i < arguments.size(); ++i) batches.push_back(std::stoi(arguments[i]));
    for (const int batch : batches) {
        request.batch = batch;
        bench(request, size);
    }
    return 0;
}

}  // namespace
}  // namespace millrace::infer

int main(int argc, char** argv) {
    try {
        return millrace::infer::run(std::vector<std::string>(argv + 1, argv + argc));
    } catch (const std::exception& error) {
        fmt::print(stderr, "gpu_infer_bench: {}\n", error.what());
        return 1;
    }
}
