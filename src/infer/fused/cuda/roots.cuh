#pragma once
// What roots of layers give for a group of channels of a pixel, the first of which is one of the result's; see net.h.

#include "infer/fused/cuda/groups.cuh"
#include "infer/fused/cuda/steps.cuh"

namespace millrace::infer::fused::cuda {

struct IdentityRoot {
    View in;
    __device__ Values operator()(const Place& at) const { return in.group(at.n, at.y, at.x, at.group); }
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
    __device__ Values operator()(const Place& at) const {
        const int v = place(at.y, border.pads.top, in.height);
        const int u = place(at.x, border.pads.left, in.width);
        const bool there = v >= 0 && v < in.height && u >= 0 && u < in.width;
        return there ? in.group(at.n, v, u, at.group) : Values{};
    }
};

struct PoolingRoot {
    View in;
    Pooling::Kind kind;
    Step kernel;
    Step stride;
    int top;
    int left;

    template <class F>
    __device__ Values gathered(const Place& at, Values values, int& count, F put) const {
        const int y0 = at.y * stride.y - top;
        const int x0 = at.x * stride.x - left;
        const int y1 = min(y0 + kernel.y, in.height);
        const int x1 = min(x0 + kernel.x, in.width);
        for (int v = max(y0, 0); v < y1; ++v) {
            for (int u = max(x0, 0); u < x1; ++u) {
                values = put(values, in.group(at.n, v, u, at.group));
                ++count;
            }
        }
        return values;
    }

    __device__ Values operator()(const Place& at) const {
        int count = 0;
        if (kind == Pooling::Kind::max) {
            return gathered(at, filled(-INFINITY), count, [](const Values& most, const Values& values) {
                return both(most, values, [](float a, float b) { return fmaxf(a, b); });
            });
        }
        Values sum =
            gathered(at, {}, count, [](const Values& so_far, const Values& values) { return so_far + values; });
        const int by = kind == Pooling::Kind::average ? max(count, 1) : kernel.y * kernel.x;
        change(sum, [by](float v) { return v / static_cast<float>(by); });
        return sum;
    }
};

/// Where pixels of a resized picture come from.
struct Resizing {
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

    /// `read(y, x)` is what the source has there: a group of channels, or one.
    template <class Read>
    __device__ auto operator()(const View& in, int y, int x, Read read) const {
        if (resize.kind == Resize::Kind::nearest) {
            return read(nearest(y, height, in.height), nearest(x, width, in.width));
        }
        const float v = fminf(fmaxf(position(y, height, in.height), 0.0F), static_cast<float>(in.height - 1));
        const float u = fminf(fmaxf(position(x, width, in.width), 0.0F), static_cast<float>(in.width - 1));
        const int y0 = static_cast<int>(v);
        const int x0 = static_cast<int>(u);
        const int y1 = min(y0 + 1, in.height - 1);
        const int x1 = min(x0 + 1, in.width - 1);
        const float dy = v - static_cast<float>(y0);
        const float dx = u - static_cast<float>(x0);
        const auto top = read(y0, x0) * (1.0F - dx) + read(y0, x1) * dx;
        const auto bottom = read(y1, x0) * (1.0F - dx) + read(y1, x1) * dx;
        return top * (1.0F - dy) + bottom * dy;
    }
};

struct ResizeRoot {
    View in;
    Resizing resizing;
    __device__ Values operator()(const Place& at) const {
        return resizing(in, at.y, at.x, [&](int y, int x) { return in.group(at.n, y, x, at.group); });
    }
};

/// An input of a concatenation.
struct Part {
    View in;
    bool resizes;
    Resizing resizing;

    /// `read(y, x)`: see Resizing.
    template <class Read>
    __device__ auto at(const Place& place, Read read) const {
        return resizes ? resizing(in, place.y, place.x, read) : read(place.y, place.x);
    }
};

/// Of inputs whose channels are full groups, but for the last.
struct ConcatRoot {
    Part parts[most_inputs];
    __device__ Values operator()(const Place& at) const {
        int i = 0;
        int group = at.group;
        while (group * channel_group >= parts[i].in.channels) group -= parts[i++].in.channels / channel_group;
        const Part& part = parts[i];
        return part.at(at, [&](int y, int x) { return part.in.group(at.n, y, x, group); });
    }
};

// Of those that are put together from single channels: channel c of the group's pixel.

struct SplitConcat {
    Part parts[most_inputs];
    __device__ float operator()(const Place& at, int c) const {
        int i = 0;
        while (c >= parts[i].in.channels) c -= parts[i++].in.channels;
        const Part& part = parts[i];
        return part.at(at, [&](int y, int x) { return part.in.channel(at.n, y, x, c); });
    }
};

struct Blocks {
    View in;
    int block;
    int channels;
    bool columns_last;
    __device__ float operator()(const Place& at, int c) const {
        const int inner = at.y % block * block + at.x % block;
        const int channel = columns_last ? c * block * block + inner : inner * channels + c;
        return in.channel(at.n, at.y / block, at.x / block, channel);
    }
};

template <class Root>
struct ByChannel {
    Root root;
    int channels;
    __device__ Values operator()(const Place& at) const {
        Values values{};
#pragma unroll
        for (int i = 0; i < channel_group; ++i) {
            const int c = at.group * channel_group + i;
            if (c < channels) values.at[i] = root(at, c);
        }
        return values;
    }
};

}  // namespace millrace::infer::fused::cuda
