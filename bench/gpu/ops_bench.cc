// Colour conversion on a GPU at 1080p and 4K, beside copies within the device's memory in the same run.
//
// GB/s are bytes read and written over the kernels' own time (CUPTI): no buffer is used twice before others have
// displaced it from the cache. `copy`: a copy of as many bytes; `ratio`: over that; `of largest`: over a copy of 1 GiB.
// `in stream`: microseconds a picture as a stream sees it, with everything around the kernel.

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <optional>
#include <vector>

#include "core/error.h"
#include "device/buffer_pool.h"
#include "device/copy.h"
#include "device/cuda/activity.h"
#include "device/cuda/probe.h"
#include "device/picture.h"
#include "device/stream.h"
#include "device/tensor.h"
#include "ops/to_picture.h"
#include "ops/to_tensor.h"

namespace millrace::ops {
namespace {

constexpr device::DeviceId gpu{device::DeviceKind::cuda, 0};
constexpr std::size_t working_set = std::size_t{512} << 20U;  // ten times the largest cache
constexpr int rounds = 2;

struct Format {
    const char* name;
    int depth;
    core::Packing packing;
};

constexpr Format formats[] = {{"nv12", 8, core::Packing::semi_planar},
                              {"yuv420p", 8, core::Packing::planar},
                              {"p010", 10, core::Packing::semi_planar}};

core::PictureDesc desc_of(int width, int height, const Format& format) {
    core::PictureDesc desc;
    desc.width = width;
    desc.height = height;
    desc.format.depth = static_cast<std::uint8_t>(format.depth);
    desc.format.packing = format.packing;
    desc.format.alignment = format.packing == core::Packing::semi_planar ? core::Alignment::high : core::Alignment::low;
    desc.color = {core::Matrix::bt709, core::Range::limited, 1, 1, core::ChromaSiting::left};
    return desc;
}

/// Seconds each: of the kernel or copy itself, and as the stream sees it.
struct Cost {
    double itself = 1e9;
    double in_stream = 1e9;
};

class Bench {
  public:
    /// f(i) enqueues the i-th of `count` pieces of work; the best of several rounds.
    template <class F>
    Cost measure(int count, F f) {
        Cost best;
        for (int round = 0; round <= rounds; ++round) {
            device::synchronize(stream_);
            device::ActivityMonitor monitor;
            device::Event begin(gpu, device::EventKind::timing);
            device::Event end(gpu, device::EventKind::timing);
            begin.record(stream_);
            for (int i = 0; i < count; ++i) f(i);
            end.record(stream_);
            device::synchronize(stream_);
            const device::ActivityReport report = monitor.stop();
            if (round == 0 || report.devices.empty()) continue;  // the first warms up
            const device::DeviceActivity& activity = report.devices.front();
            best.itself = std::min(best.itself, (activity.kernel_seconds + activity.across.seconds) / count);
            best.in_stream = std::min(best.in_stream, device::elapsed(begin.ref(), end.ref()) / count);
        }
        return best;
    }

    /// GB/s, read and written, of copies of `bytes` within the device.
    double copy_rate(std::size_t bytes) {
        const core::TensorDesc desc{core::DType::uint8, {static_cast<std::int64_t>(bytes)}};
        const int buffers = buffers_for(2 * bytes);
        const std::vector<device::Tensor> from = tensors(desc, buffers);
        const std::vector<device::Tensor> to = tensors(desc, buffers);
        const Cost cost = measure(2 * buffers, [&](int i) {
            const auto at = static_cast<std::size_t>(i % buffers);
            device::copy(stream_, from[at], to[at]);
        });
        return 2e-9 * static_cast<double>(bytes) / cost.itself;
    }

    void largest_copy() {
        largest_ = copy_rate(std::size_t{1} << 30U);
        fmt::print("device copy of 1 GiB: {:.0f} GB/s read and written\n\n", largest_);
        fmt::print("| work | size | us | GB/s | copy GB/s | ratio | of largest | in stream us |\n");
        fmt::print("| --- | --- | --- | --- | --- | --- | --- | --- |\n");
    }

    void to_tensor(const core::PictureDesc& desc, const TensorSpec& spec, const std::string& name,
                   const std::optional<ResizeSpec>& resize = std::nullopt) {
        const ToTensor op(desc, spec, resize);
        const std::size_t read = spec.channels == Channels::luma ? luma_bytes(desc) : device::picture_bytes(desc);
        const std::size_t bytes = read + op.output().byte_count();
        const int buffers = buffers_for(bytes);
        const std::vector<device::Picture> pictures = filled_pictures(desc, buffers);
        const std::vector<device::Tensor> outputs = tensors(op.output(), buffers);
        const Cost cost = measure(2 * buffers, [&](int i) {
            const auto at = static_cast<std::size_t>(i % buffers);
            op.run(stream_, pictures[at], outputs[at]);
        });
        print(name, desc, bytes, cost);
    }

    void to_picture(const core::PictureDesc& desc, const TensorSpec& spec, const std::string& name) {
        const ToTensor inverse(desc, spec);
        const ToPicture op(spec, desc.width, desc.height, desc);
        const std::size_t bytes = device::picture_bytes(desc) + inverse.output().byte_count();
        const int buffers = buffers_for(bytes);
        const std::vector<device::Picture> pictures = filled_pictures(desc, buffers);
        const std::vector<device::Tensor> inputs = tensors(inverse.output(), buffers);
        for (int i = 0; i < buffers; ++i) {
            inverse.run(stream_, pictures[static_cast<std::size_t>(i)], inputs[static_cast<std::size_t>(i)]);
        }
        const Cost cost = measure(2 * buffers, [&](int i) {
            const auto at = static_cast<std::size_t>(i % buffers);
            static_cast<void>(op.run(stream_, inputs[at], nullptr, pictures[at]));
        });
        print(name, desc, bytes, cost);
    }

  private:
    static std::size_t luma_bytes(const core::PictureDesc& desc) {
        return static_cast<std::size_t>(desc.width) * static_cast<std::size_t>(desc.height) *
               static_cast<std::size_t>(desc.format.bytes_per_sample());
    }

    static int buffers_for(std::size_t bytes) { return static_cast<int>(working_set / bytes) + 2; }

    std::vector<device::Tensor> tensors(const core::TensorDesc& desc, int count) {
        std::vector<device::Tensor> all;
        for (int i = 0; i < count; ++i) all.push_back(device::lease_tensor(pool_, desc));
        return all;
    }

    /// Codes that differ from sample to sample.
    std::vector<device::Picture> filled_pictures(const core::PictureDesc& desc, int count) {
        const device::Picture host = device::lease_picture(host_, desc);
        const std::size_t bytes = device::picture_bytes(desc);
        for (std::size_t i = 0; i < bytes; ++i) {
            host.planes[0].data[i] = static_cast<std::byte>(60 + (i * 2654435761U >> 24U) % 120);
        }
        std::vector<device::Picture> all;
        for (int i = 0; i < count; ++i) {
            all.push_back(device::lease_picture(pool_, desc));
            device::copy(stream_, host, all.back());
        }
        device::synchronize(stream_);
        return all;
    }

    void print(const std::string& name, const core::PictureDesc& desc, std::size_t bytes, const Cost& cost) {
        const double rate = static_cast<double>(bytes) / cost.itself * 1e-9;
        const double copy = copy_rate(bytes / 2);
        fmt::print("| {} | {}x{} | {:.1f} | {:.0f} | {:.0f} | {:.2f} | {:.2f} | {:.1f} |\n", name, desc.width,
                   desc.height, cost.itself * 1e6, rate, copy, rate / copy, rate / largest_, cost.in_stream * 1e6);
        std::fflush(stdout);
    }

    device::Stream stream_{gpu};
    device::BufferPool pool_{gpu, "bench", std::size_t{8} << 30U};
    device::BufferPool host_{{}, "bench", std::size_t{1} << 30U};
    double largest_ = 1;
};

void run() {
    const std::vector<device::CudaDeviceInfo> devices = device::cuda_devices();
    if (devices.empty()) throw core::Error(core::ErrorCode::failed, "no GPU, or this build has no CUDA");
    fmt::print("{}, {}\n", devices.front().name, device::cuda_build_description());
    Bench bench;
    bench.largest_copy();
    for (const auto& [width, height] : {std::pair{1920, 1080}, std::pair{3840, 2160}}) {
        for (const Format& format : formats) {
            const core::PictureDesc desc = desc_of(width, height, format);
            for (const core::DType dtype : {core::DType::float16, core::DType::float32}) {
                TensorSpec spec;
                spec.dtype = dtype;
                bench.to_tensor(desc, spec, fmt::format("{} -> {} nchw", format.name, core::name(dtype)));
                bench.to_picture(desc, spec, fmt::format("{} nchw -> {}", core::name(dtype), format.name));
            }
        }
        const core::PictureDesc desc = desc_of(width, height, formats[0]);
        TensorSpec spec;
        spec.dtype = core::DType::float16;
        spec.layout = Layout::nhwc;
        bench.to_tensor(desc, spec, "nv12 -> float16 nhwc");
        bench.to_picture(desc, spec, "float16 nhwc -> nv12");
        spec.layout = Layout::nchw;
        bench.to_tensor(desc, spec, "nv12 -> float16, bilinear 224x224",
                        ResizeSpec{224, 224, Fit::stretch, Filter::bilinear});
        spec.channels = Channels::luma;
        bench.to_tensor(desc, spec, "nv12 -> float16 luma");
    }
}

}  // namespace
}  // namespace millrace::ops

int main() {
    try {
        millrace::ops::run();
    } catch (const millrace::core::Error& error) {
        fmt::print(stderr, "gpu_ops_bench: {}\n", error.what());
        return 1;
    }
    return 0;
}
