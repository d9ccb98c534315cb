#include "gpu/layers_bench.h"

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <vector>

#include "device/buffer_pool.h"
#include "device/copy.h"
#include "device/stream.h"
#include "device/tensor.h"
#include "infer/fused/cuda/elementwise.h"

namespace millrace::infer::fused::cuda {
namespace {

constexpr device::DeviceId gpu{device::DeviceKind::cuda, 0};
constexpr std::size_t plenty = std::size_t{32} << 30U;
constexpr int runs = 50;

struct Case {
    std::string name;
    Root root;
    std::vector<Value> inputs;
    Value output;
    std::vector<Pointwise> steps;  ///< those with a value read one of the output's size
};

class Bench {
  public:
    void run(const Case& one) {
        Layer layer{one.name, {}, 0, one.root, one.steps};
        ElementwiseSite site{&layer, {}, leased(one.output), {}};
        std::size_t bytes = bytes_of(one.output);
        for (const Value& input : one.inputs) {
            site.inputs.push_back(leased(input));
            bytes += bytes_of(input);
        }
        for (const Pointwise& step : one.steps) {
            if (step.value >= 0) {
                site.operands.push_back({leased(one.output).data, true, true});
                bytes += bytes_of(one.output);
            } else if (!step.constants.empty()) {
                site.operands.push_back({leased({one.output.channels, 1, 1}).data, false, false});
            }
        }
        if (const auto* conv = std::get_if<Convolution>(&one.root)) {
            site.weights = leased({one.output.channels, conv->kernel.y, conv->kernel.x}).data;
        }
        const double seconds = seconds_a_run([&] { enqueue_elementwise(stream_, site); });
        fmt::print("| {} | {:.1f} | {:.0f} |\n", one.name, 1e6 * seconds, static_cast<double>(bytes) / seconds / 1e9);
        std::fflush(stdout);
        held_.clear();
    }

    /// What a copy within the device reaches.
    void run_copy(const Value& value) {
        const Pixels from = leased(value);
        const Pixels to = leased(value);
        const std::size_t bytes = bytes_of(value);
        const double seconds =
            seconds_a_run([&] { device::copy_rows(stream_, {to.data, bytes, from.data, bytes, bytes, 1}); });
        fmt::print("| a copy of as much | {:.1f} | {:.0f} |\n", 1e6 * seconds,
                   2 * static_cast<double>(bytes) / seconds / 1e9);
        held_.clear();
    }

  private:
    static int padded(int channels) { return (channels + 7) / 8 * 8; }
    static std::size_t bytes_of(const Value& value) {
        return std::size_t{2} * static_cast<std::size_t>(value.height) * static_cast<std::size_t>(value.width) *
               static_cast<std::size_t>(padded(value.channels));
    }

    Pixels leased(const Value& value) {
        const int stride = padded(value.channels);
        held_.push_back(device::lease_tensor(memory_, {core::DType::float16, {1, value.height, value.width, stride}}));
        device::clear(stream_, held_.back());
        return {held_.back().data, 1, value, stride};
    }

    template <class Enqueue>
    double seconds_a_run(Enqueue enqueue) {
        device::Event begin(gpu, device::EventKind::timing);
        device::Event end(gpu, device::EventKind::timing);
        enqueue();
        begin.record(stream_);
        for (int i = 0; i < runs; ++i) enqueue();
        end.record(stream_);
        device::synchronize(stream_);
        return device::elapsed(begin.ref(), end.ref()) / runs;
    }

    device::BufferPool memory_{gpu, "bench", plenty};
    device::Stream stream_{gpu};
    std::vector<device::Tensor> held_;
};

Pointwise relu() {
    Pointwise step;
    step.kind = Pointwise::Kind::clip;
    step.high = 65504;
    return step;
}

Convolution depthwise(int kernel, int stride) {
    Convolution conv;
    conv.out_channels = conv.groups = 64;
    conv.kernel = {kernel, kernel};
    conv.stride = {stride, stride};
    conv.pads = {kernel / 2, kernel / 2, kernel / 2, kernel / 2};
    return conv;
}

std::vector<Case> cases() {
    const Value full{64, 1080, 1920};
    const Value half{64, 540, 960};
    Pointwise sum;
    sum.value = 0;
    Pointwise bias;
    bias.constants = {0};
    const Resize nearest{Resize::Kind::nearest, Resize::Coordinates::asymmetric, Resize::Rounding::floor};
    const Resize bilinear{.kind = Resize::Kind::bilinear};
    Pointwise sigmoid;
    sigmoid.kind = Pointwise::Kind::sigmoid;
    using Kind = Pooling::Kind;
    return {{"sum of two values", Identity(), {full}, full, {sum}},
            {"constants and ReLU", Identity(), {full}, full, {bias, relu()}},
            {"sigmoid", Identity(), {full}, full, {sigmoid}},
            {"border of reflection", Border{Border::Kind::reflect, {1, 1, 1, 1}}, {{64, 1078, 1918}}, full, {}},
            {"pool 2 x 2, most", Pooling{Kind::max, {2, 2}, {2, 2}, {}}, {full}, half, {}},
            {"pool 3 x 3, mean", Pooling{Kind::average, {3, 3}, {1, 1}, {1, 1, 1, 1}}, {full}, full, {}},
            {"resizing, nearest", nearest, {half}, full, {}},
            {"resizing, bilinear", bilinear, {half}, full, {}},
            {"joining 32 and 64", Concat(), {{32, 1080, 1920}, full}, {96, 1080, 1920}, {}},
            {"joining 32 and 64 from half the size",
             Concat{{std::nullopt, bilinear}},
             {{32, 1080, 1920}, half},
             {96, 1080, 1920},
             {}},
            {"joining 3 and 61", Concat(), {{3, 1080, 1920}, {61, 1080, 1920}}, full, {}},
            {"3 x 3 of each channel", depthwise(3, 1), {full}, full, {bias, relu()}},
            {"3 x 3 of each channel, stride 2", depthwise(3, 2), {full}, half, {bias, relu()}},
            {"5 x 5 of each channel", depthwise(5, 1), {full}, full, {bias, relu()}},
            {"blocks of 2 x 2", DepthToSpace{2, true}, {{64, 540, 960}}, {16, 1080, 1920}, {}}};
}

}  // namespace

void bench_layers() {
    fmt::print("| layer, 1080p, 64 channels | us | GB/s |\n| --- | --- | --- |\n");
    Bench bench;
    bench.run_copy({64, 1080, 1920});
    for (const Case& one : cases()) bench.run(one);
}

}  // namespace millrace::infer::fused::cuda
