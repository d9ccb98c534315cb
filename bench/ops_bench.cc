// Colour and resize at 1080p on one core, beside memcpy of the same number of bytes. `memcpy_ratio` is time over the
// time of copying (bytes read + bytes written) / 2 bytes: 1 is memory speed.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <optional>
#include <vector>

#include "core/picture_desc.h"
#include "device/buffer_pool.h"
#include "device/picture.h"
#include "device/tensor.h"
#include "ops/to_picture.h"
#include "ops/to_tensor.h"

namespace millrace::ops {
namespace {

constexpr int width = 1920;
constexpr int height = 1080;

core::PictureDesc desc_of(int depth, core::Packing packing = core::Packing::planar) {
    core::PictureDesc desc;
    desc.width = width;
    desc.height = height;
    desc.format.depth = static_cast<std::uint8_t>(depth);
    desc.format.packing = packing;
    desc.format.alignment = packing == core::Packing::semi_planar ? core::Alignment::high : core::Alignment::low;
    desc.color = {core::Matrix::bt709, core::Range::limited, 1, 1, core::ChromaSiting::left};
    return desc;
}

device::BufferPool& pool() {
    static device::BufferPool instance({}, "bench", std::size_t{1} << 30U);
    return instance;
}

device::Picture picture_of(const core::PictureDesc& desc) {
    device::Picture picture = device::lease_picture(pool(), desc);
    std::memset(picture.planes[0].data, 0x1, device::picture_bytes(desc));
    return picture;
}

device::Tensor tensor_of(const core::TensorDesc& desc) {
    device::Tensor tensor = device::lease_tensor(pool(), desc);
    std::memset(tensor.data, 0, desc.byte_count());
    return tensor;
}

/// Time of this thread, so that a busy machine disturbs less.
double cpu_seconds() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// Seconds of one memcpy of `bytes`: the best of several.
double copy_seconds(std::size_t bytes) {
    std::vector<std::byte> from(bytes, std::byte{1});
    std::vector<std::byte> to(bytes, std::byte{2});
    double best = 1;
    for (int i = 0; i < 20; ++i) {
        const double start = cpu_seconds();
        std::memcpy(to.data(), from.data(), bytes);
        benchmark::DoNotOptimize(to.data());
        benchmark::ClobberMemory();
        best = std::min(best, cpu_seconds() - start);
    }
    return best;
}

template <class F>
void measure(benchmark::State& state, std::size_t bytes, F f) {
    const double copy = copy_seconds(bytes / 2);
    const double start = cpu_seconds();
    for (auto _ : state) f();
    const double each = (cpu_seconds() - start) / static_cast<double>(state.iterations());
    state.counters["fps"] = 1 / each;
    state.counters["memcpy_ratio"] = each / copy;
}

void to_tensor(benchmark::State& state, const core::PictureDesc& desc, const TensorSpec& spec,
               std::optional<ResizeSpec> resize) {
    const ToTensor op(desc, spec, resize);
    const device::Picture picture = picture_of(desc);
    const device::Tensor tensor = tensor_of(op.output());
    measure(state, device::picture_bytes(desc) + op.output().byte_count(),
            [&] { op.run(device::host_stream(), picture, tensor); });
}

void to_picture(benchmark::State& state, const core::PictureDesc& desc, const TensorSpec& spec, bool borrow) {
    const ToPicture op(spec, width, height, desc);
    const std::int64_t channels = spec.channels == Channels::luma ? 1 : 3;
    const device::Tensor tensor = spec.layout == Layout::nchw ? tensor_of({spec.dtype, {channels, height, width}})
                                                              : tensor_of({spec.dtype, {height, width, channels}});
    const device::Picture source = picture_of(desc);
    const device::Picture picture = picture_of(desc);
    measure(state, device::picture_bytes(desc) + tensor.desc.byte_count(), [&] {
        benchmark::DoNotOptimize(op.run(device::host_stream(), tensor, borrow ? &source : nullptr, picture));
    });
}

constexpr auto semi_planar = core::Packing::semi_planar;

TensorSpec spec_of(core::DType dtype, Layout layout = Layout::nchw, Channels channels = Channels::rgb) {
    TensorSpec spec;
    spec.dtype = dtype;
    spec.layout = layout;
    spec.channels = channels;
    return spec;
}

void register_all() {
    const TensorSpec f32 = spec_of(core::DType::float32);
    const TensorSpec f16 = spec_of(core::DType::float16);
    const TensorSpec nhwc = spec_of(core::DType::float32, Layout::nhwc);
    const TensorSpec luma = spec_of(core::DType::float32, Layout::nchw, Channels::luma);
    const auto add = [](const char* name, auto function, auto... args) {
        benchmark::RegisterBenchmark(name, [=](benchmark::State& state) {
            function(state, args...);
        })->Unit(benchmark::kMillisecond);
    };
    const auto none = std::optional<ResizeSpec>();
    add("to_tensor/yuv420p/f32", to_tensor, desc_of(8), f32, none);
    add("to_tensor/yuv420p10/f32", to_tensor, desc_of(10), f32, none);
    add("to_tensor/nv12/f32", to_tensor, desc_of(8, semi_planar), f32, none);
    add("to_tensor/p010/f32", to_tensor, desc_of(10, semi_planar), f32, none);
    add("to_tensor/yuv420p/f16", to_tensor, desc_of(8), f16, none);
    add("to_tensor/yuv420p/f32_nhwc", to_tensor, desc_of(8), nhwc, none);
    add("to_tensor/yuv420p/f32_luma", to_tensor, desc_of(8), luma, none);
    add("to_picture/f32/yuv420p", to_picture, desc_of(8), f32, false);
    add("to_picture/f32/yuv420p10", to_picture, desc_of(10), f32, false);
    add("to_picture/f32/nv12", to_picture, desc_of(8, semi_planar), f32, false);
    add("to_picture/f16/yuv420p", to_picture, desc_of(8), f16, false);
    add("to_picture/f32_nhwc/yuv420p", to_picture, desc_of(8), nhwc, false);
    add("to_picture/f32_luma/yuv420p_chroma", to_picture, desc_of(8), luma, true);
    const auto resize = [&](const char* name, int w, int h, Filter filter) {
        add(name, to_tensor, desc_of(8), f32, std::optional(ResizeSpec{w, h, Fit::stretch, filter}));
    };
    resize("resize/bilinear_224", 224, 224, Filter::bilinear);
    resize("resize/bicubic_224", 224, 224, Filter::bicubic);
    resize("resize/area_224", 224, 224, Filter::area);
    resize("resize/bilinear_960x540", 960, 540, Filter::bilinear);
    resize("resize/bicubic_3840x2160", 3840, 2160, Filter::bicubic);
    add("resize/letterbox_640", to_tensor, desc_of(8), f32,
        std::optional(ResizeSpec{640, 640, Fit::letterbox, Filter::bilinear}));
    add("resize/pad_1920x1088", to_tensor, desc_of(8), f32, std::optional(ResizeSpec{1920, 1088, Fit::pad}));
}

}  // namespace
}  // namespace millrace::ops

int main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    millrace::ops::register_all();
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}
