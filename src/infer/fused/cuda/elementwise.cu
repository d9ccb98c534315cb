#include <cassert>
#include <variant>

#include "infer/fused/cuda/elementwise.h"
#include "infer/fused/cuda/launch.cuh"

namespace millrace::infer::fused::cuda {
namespace {

/// A value in memory, as kernels see it.
struct View {
    const __half* data;
    int channels;
    int height;
    int width;
    int stride;

    __device__ float at(std::int64_t n, int y, int x, int c) const {
        return __half2float(data[((n * height + y) * width + x) * stride + c]);
    }
};

View view_of(const Pixels& pixels) {
    return {reinterpret_cast<const __half*>(pixels.data), pixels.shape.channels, pixels.shape.height,
            pixels.shape.width, pixels.stride};
}

struct Steps {
    struct Item {
        Pointwise::Kind kind;
        float low;
        float high;
        const __half* operand;
        std::int64_t pixel_stride;  ///< of the operand, in halves; 0: one pixel for all
        std::int64_t batch_stride;
    };
    Item items[most_steps];
    int count;
};

__device__ float sigmoid(float v) { return 1.0F / (1.0F + expf(-v)); }

__device__ float applied(const Steps::Item& step, float v, float operand) {
    switch (step.kind) {
        case Pointwise::Kind::add:
            return v + operand;
        case Pointwise::Kind::multiply:
            return v * operand;
        case Pointwise::Kind::prelu:
            return v < 0.0F ? v * operand : v;
        case Pointwise::Kind::clip:
            return fminf(fmaxf(v, step.low), step.high);
        case Pointwise::Kind::sigmoid:
            return sigmoid(v);
        case Pointwise::Kind::silu:
            return v * sigmoid(v);
        case Pointwise::Kind::tanh:
            return tanhf(v);
    }
    return v;
}

// What a root gives for channel c of pixel (y, x) of picture n.

struct IdentityRoot {
    View in;
    __device__ float operator()(std::int64_t n, int y, int x, int c) const { return in.at(n, y, x, c); }
};

struct BlockRoot {
    View in;
    int block;
    int channels;
    bool columns_last;
    __device__ float operator()(std::int64_t n, int y, int x, int c) const {
        const int inner = y % block * block + x % block;
        const int channel = columns_last ? c * block * block + inner : inner * channels + c;
        return in.at(n, y / block, x / block, channel);
    }
};

struct BorderRoot {
    View in;
    Border border;

    __device__ int place(int at, int before, int extent) const {
        const int from = at - before;
        if (border.kind == Border::Kind::reflect) {
            return from < 0 ? -from : from < extent ? from : 2 * (extent - 1) - from;
        }
        return border.kind == Border::Kind::edge ? min(max(from, 0), extent - 1) : from;
    }
    __device__ float operator()(std::int64_t n, int y, int x, int c) const {
        const int v = place(y, border.pads.top, in.height);
        const int u = place(x, border.pads.left, in.width);
        const bool there = v >= 0 && v < in.height && u >= 0 && u < in.width;
        return there ? in.at(n, v, u, c) : 0.0F;
    }
};

struct ConcatRoot {
    View in[most_inputs];
    __device__ float operator()(std::int64_t n, int y, int x, int c) const {
        int i = 0;
        while (c >= in[i].channels) c -= in[i++].channels;
        return in[i].at(n, y, x, c);
    }
};

struct PoolingRoot {
    View in;
    Pooling::Kind kind;
    int kernel_y, kernel_x, stride_y, stride_x, top, left;
    __device__ float operator()(std::int64_t n, int y, int x, int c) const {
        const int y0 = y * stride_y - top;
        const int x0 = x * stride_x - left;
        const int y1 = min(y0 + kernel_y, in.height);
        const int x1 = min(x0 + kernel_x, in.width);
        float most = -INFINITY;
        float sum = 0;
        int count = 0;
        for (int v = max(y0, 0); v < y1; ++v) {
            for (int u = max(x0, 0); u < x1; ++u) {
                const float value = in.at(n, v, u, c);
                most = fmaxf(most, value);
                sum += value;
                ++count;
            }
        }
        if (kind == Pooling::Kind::max) return most;
        return sum / static_cast<float>(kind == Pooling::Kind::average ? max(count, 1) : kernel_y * kernel_x);
    }
};

struct ResizeRoot {
    View in;
    Resize resize;
    int height;  ///< of the result
    int width;

    __device__ float position(int at, int to, int from) const {
        const auto i = static_cast<float>(at);
        const float scale = static_cast<float>(from) / static_cast<float>(to);
        if (resize.coordinates == Resize::Coordinates::half_pixel) return (i + 0.5F) * scale - 0.5F;
        if (resize.coordinates == Resize::Coordinates::asymmetric) return i * scale;
        return to > 1 ? i * static_cast<float>(from - 1) / static_cast<float>(to - 1) : 0.0F;
    }

    __device__ int nearest(int at, int to, int from) const {
        const float p = position(at, to, from);
        float rounded = floorf(p);
        if (resize.rounding == Resize::Rounding::ceil) rounded = ceilf(p);
        if (resize.rounding == Resize::Rounding::half_down) rounded = ceilf(p - 0.5F);
        if (resize.rounding == Resize::Rounding::half_up) rounded = floorf(p + 0.5F);
        return min(max(static_cast<int>(rounded), 0), from - 1);
    }

    __device__ float operator()(std::int64_t n, int y, int x, int c) const {
        if (resize.kind == Resize::Kind::nearest) {
            return in.at(n, nearest(y, height, in.height), nearest(x, width, in.width), c);
        }
        const float v = fminf(fmaxf(position(y, height, in.height), 0.0F), static_cast<float>(in.height - 1));
        const float u = fminf(fmaxf(position(x, width, in.width), 0.0F), static_cast<float>(in.width - 1));
        const int y0 = static_cast<int>(v);
        const int x0 = static_cast<int>(u);
        const int y1 = min(y0 + 1, in.height - 1);
        const int x1 = min(x0 + 1, in.width - 1);
        const float dy = v - static_cast<float>(y0);
        const float dx = u - static_cast<float>(x0);
        const float top = in.at(n, y0, x0, c) * (1.0F - dx) + in.at(n, y0, x1, c) * dx;
        const float bottom = in.at(n, y1, x0, c) * (1.0F - dx) + in.at(n, y1, x1, c) * dx;
        return top * (1.0F - dy) + bottom * dy;
    }
};

template <class Root>
__global__ void elementwise(Root root, Steps steps, View out, Group* to, std::int64_t groups_in_all) {
    const std::int64_t index = thread_index();
    if (index >= groups_in_all) return;
    const int groups = out.stride / channel_group;
    const int first = static_cast<int>(index % groups) * channel_group;
    const std::int64_t pixel = index / groups;
    const int x = static_cast<int>(pixel % out.width);
    const int y = static_cast<int>(pixel / out.width % out.height);
    const std::int64_t n = pixel / out.width / out.height;
    const std::int64_t place = pixel - n * out.height * out.width;
    Group group{};
    for (int i = 0; i < channel_group; ++i) {
        const int c = first + i;
        float v = 0;
        if (c < out.channels) {
            v = root(n, y, x, c);
            for (int s = 0; s < steps.count; ++s) {
                const Steps::Item& step = steps.items[s];
                float operand = 0;
                if (step.operand != nullptr) {
                    operand = __half2float(step.operand[n * step.batch_stride + place * step.pixel_stride + c]);
                }
                v = applied(step, v, operand);
            }
        }
        group.values[i] = __float2half(v);
    }
    to[index] = group;
}

Steps steps_of(const ElementwiseSite& site) {
    Steps steps{};
    std::size_t next = 0;
    const Pixels& out = site.output;
    for (const Pointwise& step : site.layer->pointwise) {
        Steps::Item& item = steps.items[steps.count++];
        item = {step.kind, step.low, step.high, nullptr, 0, 0};
        if (step.constants.empty() && step.value < 0) continue;
        const Operand& operand = site.operands.at(next++);
        item.operand = reinterpret_cast<const __half*>(operand.data);
        item.pixel_stride = operand.whole ? out.stride : 0;
        const std::int64_t pixels = operand.whole ? static_cast<std::int64_t>(out.shape.height) * out.shape.width : 1;
        item.batch_stride = operand.of_batch ? pixels * out.stride : 0;
    }
    return steps;
}

template <class Root>
void launch(device::StreamRef stream, const ElementwiseSite& site, const Root& root) {
    const Pixels& out = site.output;
    const std::int64_t count =
        static_cast<std::int64_t>(out.batch) * out.shape.height * out.shape.width * (out.stride / channel_group);
    const Launching launching(stream);
    elementwise<<<blocks_for(count), threads, 0, device::cuda::native(stream)>>>(
        root, steps_of(site), view_of(out), reinterpret_cast<Group*>(out.data), count);
    launching.done("fused elementwise");
}

/// Enqueues a layer by its root.
struct Enqueue {
    device::StreamRef stream;
    const ElementwiseSite& site;

    [[nodiscard]] View input() const { return view_of(site.inputs.front()); }

    void operator()(const Identity& /*root*/) const { launch(stream, site, IdentityRoot{input()}); }
    void operator()(const Convolution& /*root*/) const { launch(stream, site, IdentityRoot{view_of(site.output)}); }
    void operator()(const DepthToSpace& root) const {
        launch(stream, site, BlockRoot{input(), root.block, site.output.shape.channels, root.columns_last});
    }
    void operator()(const Border& root) const { launch(stream, site, BorderRoot{input(), root}); }
    void operator()(const Pooling& root) const {
        launch(stream, site,
               PoolingRoot{input(), root.kind, root.kernel.y, root.kernel.x, root.stride.y, root.stride.x,
                           root.pads.top, root.pads.left});
    }
    void operator()(const Resize& root) const {
        launch(stream, site, ResizeRoot{input(), root, site.output.shape.height, site.output.shape.width});
    }
    void operator()(const Concat& /*root*/) const {
        ConcatRoot root{};
        for (std::size_t i = 0; i < site.inputs.size(); ++i) root.in[i] = view_of(site.inputs[i]);
        launch(stream, site, root);
    }
};

}  // namespace

void enqueue_elementwise(device::StreamRef stream, const ElementwiseSite& site) {
    assert(site.inputs.size() <= most_inputs && site.layer->pointwise.size() <= most_steps);
    std::visit(Enqueue{stream, site}, site.layer->root);
}

}  // namespace millrace::infer::fused::cuda
