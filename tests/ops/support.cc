#include "ops/support.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

namespace millrace::ops::test {

namespace {

int subsampled(int extent, int log2) { return (extent + (1 << log2) - 1) >> log2; }

std::ptrdiff_t row_bytes(const core::PictureDesc& desc, int plane) {
    return std::ptrdiff_t{core::plane_samples(desc, plane)} * desc.format.bytes_per_sample();
}

std::byte* address(const device::Picture& picture, int component, int x, int y) {
    const core::PixelFormat& format = picture.desc.format;
    const bool paired = format.packing == core::Packing::semi_planar && component > 0;
    const device::PlaneView& plane = picture.planes.at(static_cast<std::size_t>(paired ? 1 : component));
    const std::ptrdiff_t at = paired ? std::ptrdiff_t{2} * x + (component - 1) : x;
    return plane.data + plane.pitch * y + at * format.bytes_per_sample();
}

int shift_of(const core::PixelFormat& format) {
    return format.alignment == core::Alignment::high && format.depth > 8 ? 16 - format.depth : 0;
}

}  // namespace

std::string describe(const core::PictureDesc& desc) {
    return core::name(desc.format) + " " + core::name(desc.color.matrix) + " " + core::name(desc.color.range) + " " +
           core::name(desc.color.siting) + " " + std::to_string(desc.width) + "x" + std::to_string(desc.height);
}

core::PictureDesc yuv_desc(int width, int height, int depth, Subsampling sub) {
    core::PictureDesc desc;
    desc.width = width;
    desc.height = height;
    desc.format.depth = static_cast<std::uint8_t>(depth);
    desc.format.log2_chroma_w = sub.w;
    desc.format.log2_chroma_h = sub.h;
    desc.color = {core::Matrix::bt709, core::Range::limited, 1, 1, core::ChromaSiting::left};
    return desc;
}

device::Picture make_picture(const core::PictureDesc& desc, std::ptrdiff_t extra) {
    device::Picture picture;
    picture.desc = desc;
    std::ptrdiff_t total = 0;
    std::array<std::ptrdiff_t, 3> begin{};
    for (int p = 0; p < desc.format.plane_count(); ++p) {
        const auto plane = static_cast<std::size_t>(p);
        const std::ptrdiff_t row = row_bytes(desc, p);
        picture.planes.at(plane).pitch = row + extra;
        begin.at(plane) = total;
        const bool last = p + 1 == desc.format.plane_count();
        total += (row + extra) * core::plane_rows(desc, p) - (last ? extra : 0);
    }
    auto memory = std::make_shared<std::vector<std::byte>>(static_cast<std::size_t>(total), std::byte{0xA5});
    for (std::size_t p = 0; p < 3; ++p) picture.planes.at(p).data = memory->data() + begin.at(p);
    picture.owner = memory;
    return picture;
}

bool untouched_outside(const device::Picture& picture) {
    const std::ptrdiff_t row = row_bytes(picture.desc, 0);
    const device::Picture expected = make_picture(picture.desc, picture.planes[0].pitch - row);
    for (int c = 0; c < picture.desc.format.component_count(); ++c) {
        for (int y = 0; y < component_height(picture.desc, c); ++y) {
            for (int x = 0; x < component_width(picture.desc, c); ++x) {
                set_sample(expected, c, x, y, sample(picture, c, x, y));
            }
        }
    }
    const auto* ours = static_cast<const std::vector<std::byte>*>(picture.owner.get());
    return *ours == *static_cast<const std::vector<std::byte>*>(expected.owner.get());
}

device::Picture repacked(const device::Picture& picture, const core::PixelFormat& format) {
    core::PictureDesc desc = picture.desc;
    desc.format = format;
    device::Picture other = make_picture(desc, 2);
    for (int c = 0; c < format.component_count(); ++c) {
        for (int y = 0; y < component_height(desc, c); ++y) {
            for (int x = 0; x < component_width(desc, c); ++x) set_sample(other, c, x, y, sample(picture, c, x, y));
        }
    }
    return other;
}

device::Tensor make_tensor(const core::TensorDesc& desc) {
    device::Tensor tensor;
    auto memory = std::make_shared<std::vector<std::byte>>(desc.byte_count(), std::byte{0xA5});
    tensor.desc = desc;
    tensor.data = memory->data();
    tensor.owner = memory;
    return tensor;
}

int component_width(const core::PictureDesc& desc, int component) {
    return component == 0 ? desc.width : subsampled(desc.width, desc.format.log2_chroma_w);
}

int component_height(const core::PictureDesc& desc, int component) {
    return component == 0 ? desc.height : subsampled(desc.height, desc.format.log2_chroma_h);
}

int sample(const device::Picture& picture, int component, int x, int y) {
    const std::byte* at = address(picture, component, x, y);
    if (picture.desc.format.depth == 8) return std::to_integer<int>(*at);
    std::uint16_t stored = 0;
    std::memcpy(&stored, at, sizeof stored);
    return stored >> shift_of(picture.desc.format);
}

void set_sample(const device::Picture& picture, int component, int x, int y, int code) {
    std::byte* at = address(picture, component, x, y);
    if (picture.desc.format.depth == 8) {
        *at = static_cast<std::byte>(code);
        return;
    }
    const auto stored = static_cast<std::uint16_t>(code << shift_of(picture.desc.format));
    std::memcpy(at, &stored, sizeof stored);
}

void fill_random(const device::Picture& picture, std::mt19937& random) {
    const std::uint32_t mask = (1U << picture.desc.format.depth) - 1;
    for (int c = 0; c < picture.desc.format.component_count(); ++c) {
        for (int y = 0; y < component_height(picture.desc, c); ++y) {
            for (int x = 0; x < component_width(picture.desc, c); ++x) {
                set_sample(picture, c, x, y, static_cast<int>((random() >> 8U) & mask));
            }
        }
    }
}

void fill_smooth(const device::Picture& picture, std::mt19937& random) {
    const int unit = 1 << (picture.desc.format.depth - 8);
    for (int c = 0; c < picture.desc.format.component_count(); ++c) {
        const int w = component_width(picture.desc, c);
        const int h = component_height(picture.desc, c);
        for (int y = 0; y < h; ++y) {
            for (int x = 0; x < w; ++x) {
                const double ramp = 0.5 * (x + 1) / (w + 1) + 0.4 * (y + 1) / (h + 1);
                const auto noise = static_cast<int>((random() >> 8U) % static_cast<std::uint32_t>(4 * unit));
                const int code = static_cast<int>((20 + 190 * (c == 1 ? 1 - ramp : ramp)) * unit) + noise;
                set_sample(picture, c, x, y, code);
            }
        }
    }
}

std::vector<int> samples(const device::Picture& picture) {
    std::vector<int> all;
    for (int c = 0; c < picture.desc.format.component_count(); ++c) {
        for (int y = 0; y < component_height(picture.desc, c); ++y) {
            for (int x = 0; x < component_width(picture.desc, c); ++x) all.push_back(sample(picture, c, x, y));
        }
    }
    return all;
}

namespace oracle {

namespace {

struct Matrix64 {
    double kr;
    double kb;
};

// H.273 (07/2021) table 4, the columns of KR and KB.
Matrix64 weights(core::Matrix matrix) {
    switch (static_cast<int>(matrix)) {
        case 1:
            return {0.2126, 0.0722};
        case 4:
            return {0.30, 0.11};
        case 5:
        case 6:
            return {0.299, 0.114};
        case 7:
            return {0.212, 0.087};
        default:
            return {0.2627, 0.0593};
    }
}

struct Scale64 {
    double luma_offset;
    double luma;
    double chroma_offset;
    double chroma;
};

// H.273 equations 8-4 to 8-6 (limited) and 8-7 to 8-9 (full).
Scale64 scale(const core::PictureDesc& desc) {
    const double unit = std::pow(2.0, desc.format.depth - 8);
    const double full = std::pow(2.0, desc.format.depth) - 1;
    if (desc.color.range == core::Range::full) return {0, full, 128 * unit, full};
    return {16 * unit, 219 * unit, 128 * unit, 224 * unit};
}

// Position of chroma sample 0 in luma samples, by ChromaLocType (H.273 figure 1).
std::array<double, 2> origin(core::ChromaSiting siting) {
    switch (siting) {
        case core::ChromaSiting::left:
            return {0, 0.5};
        case core::ChromaSiting::center:
            return {0.5, 0.5};
        case core::ChromaSiting::top_left:
            return {0, 0};
        case core::ChromaSiting::top:
            return {0.5, 0};
        case core::ChromaSiting::bottom_left:
            return {0, 1};
        default:
            return {0.5, 1};
    }
}

// What a triangle of half-width `reach` around `center` gives to samples, normalised.
struct Taps {
    int first;
    std::vector<double> weights;
};

Taps triangle(double center, double reach) {
    const int first = static_cast<int>(std::ceil(center - reach));
    Taps taps{first, {}};
    double total = 0;
    for (int k = first; k <= center + reach; ++k) {
        taps.weights.push_back(1 - std::abs(k - center) / reach);
        total += taps.weights.back();
    }
    for (double& w : taps.weights) w /= total;
    return taps;
}

}  // namespace

double chroma_at(const device::Picture& picture, int component, int x, int y) {
    const core::PixelFormat& format = picture.desc.format;
    const auto [ox, oy] = origin(picture.desc.color.siting);
    const Taps across = triangle(format.log2_chroma_w == 0 ? x : (x - ox) / 2, 1);
    const Taps down = triangle(format.log2_chroma_h == 0 ? y : (y - oy) / 2, 1);
    const int w = component_width(picture.desc, 1);
    const int h = component_height(picture.desc, 1);
    double sum = 0;
    for (std::size_t j = 0; j < down.weights.size(); ++j) {
        for (std::size_t i = 0; i < across.weights.size(); ++i) {
            const int cx = std::clamp(across.first + static_cast<int>(i), 0, w - 1);
            const int cy = std::clamp(down.first + static_cast<int>(j), 0, h - 1);
            sum += down.weights[j] * across.weights[i] * sample(picture, component, cx, cy);
        }
    }
    return sum;
}

Color rgb_at(const device::Picture& picture, int x, int y) {
    const Scale64 s = scale(picture.desc);
    const auto [kr, kb] = weights(picture.desc.color.matrix);
    const double luma = (sample(picture, 0, x, y) - s.luma_offset) / s.luma;
    const double cb = (chroma_at(picture, 1, x, y) - s.chroma_offset) / s.chroma;
    const double cr = (chroma_at(picture, 2, x, y) - s.chroma_offset) / s.chroma;
    const double r = luma + 2 * (1 - kr) * cr;
    const double b = luma + 2 * (1 - kb) * cb;
    return {r, (luma - kr * r - kb * b) / (1 - kr - kb), b};
}

double code_at(const core::PictureDesc& desc, const std::vector<Color>& rgb, int component,
               std::array<int, 2> position) {
    const Scale64 s = scale(desc);
    const Matrix64 k = weights(desc.color.matrix);
    const auto number = [&](int x, int y) {
        const auto row = static_cast<std::size_t>(std::clamp(y, 0, desc.height - 1));
        const auto column = static_cast<std::size_t>(std::clamp(x, 0, desc.width - 1));
        const std::size_t at = row * static_cast<std::size_t>(desc.width) + column;
        const Color& c = rgb[at];
        const double luma = k.kr * c[0] + (1 - k.kr - k.kb) * c[1] + k.kb * c[2];
        if (component == 0) return luma;
        return component == 1 ? (c[2] - luma) / (2 * (1 - k.kb)) : (c[0] - luma) / (2 * (1 - k.kr));
    };
    const auto [x, y] = position;
    if (component == 0) return number(x, y) * s.luma + s.luma_offset;
    const auto [ox, oy] = origin(desc.color.siting);
    const Taps across = desc.format.log2_chroma_w == 0 ? Taps{x, {1.0}} : triangle(2 * x + ox, 2);
    const Taps down = desc.format.log2_chroma_h == 0 ? Taps{y, {1.0}} : triangle(2 * y + oy, 2);
    double sum = 0;
    for (std::size_t j = 0; j < down.weights.size(); ++j) {
        for (std::size_t i = 0; i < across.weights.size(); ++i) {
            sum += down.weights[j] * across.weights[i] *
                   number(across.first + static_cast<int>(i), down.first + static_cast<int>(j));
        }
    }
    return sum * s.chroma + s.chroma_offset;
}

}  // namespace oracle

float element(const device::Tensor& tensor, Layout layout, int channel, int x, int y) {
    const std::vector<std::int64_t>& shape = tensor.desc.shape;
    const std::int64_t at =
        layout == Layout::nchw ? (channel * shape[1] + y) * shape[2] + x : (y * shape[1] + x) * shape[2] + channel;
    if (tensor.desc.dtype == core::DType::float32) return tensor.as<float>()[at];
    // IEEE 754 binary16, from its definition.
    const int bits = tensor.as<std::uint16_t>()[at];
    const double sign = (bits & 0x8000) != 0 ? -1 : 1;
    const int exponent = (bits >> 10) & 31;
    const int fraction = bits & 1023;
    if (exponent == 31) return fraction != 0 ? NAN : static_cast<float>(sign * HUGE_VAL);
    const double value = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
    return static_cast<float>(sign * value);
}

}  // namespace millrace::ops::test
