#include "ops/cases.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "ops/formula.h"
#include "ops/support.h"

namespace millrace::ops::test {

namespace {

int any(std::mt19937& random, int low, int high) {
    return low + static_cast<int>(random() % static_cast<std::uint32_t>(high - low + 1));
}

bool chance(std::mt19937& random, int one_in) { return any(random, 1, one_in) == 1; }

template <class Values>
auto one_of(std::mt19937& random, const Values& values) {
    return values[random() % values.size()];
}

core::PictureDesc any_desc(std::mt19937& random) {
    // Half of them as wide as the kernels like it, the others anything.
    const bool liked = chance(random, 2);
    core::PictureDesc desc = yuv_desc(liked ? 8 * any(random, 1, 48) : any(random, 1, 90), any(random, 1, 37),
                                      one_of(random, depths), one_of(random, subsamplings));
    desc.color.matrix = one_of(random, matrices);
    desc.color.range = one_of(random, ranges);
    desc.color.siting = one_of(random, sitings);
    desc.format.alignment = chance(random, 2) ? core::Alignment::high : core::Alignment::low;
    if (chance(random, 5)) {
        desc.format.family = chance(random, 2) ? core::ColorFamily::gray : core::ColorFamily::rgb;
        desc.format.log2_chroma_w = 0;
        desc.format.log2_chroma_h = 0;
    } else if (chance(random, 2)) {
        desc.format.packing = core::Packing::semi_planar;
    }
    return desc;
}

TensorSpec any_spec(std::mt19937& random) {
    TensorSpec spec;
    spec.dtype = chance(random, 2) ? core::DType::float16 : core::DType::float32;
    spec.layout = chance(random, 3) ? Layout::nhwc : Layout::nchw;
    spec.channels =
        one_of(random, std::array{Channels::rgb, Channels::rgb, Channels::bgr, Channels::luma, Channels::yuv});
    if (chance(random, 2)) return spec;
    spec.white = chance(random, 2) ? 255.0F : 1.0F;
    spec.mean = {0.485F * spec.white, 0.456F * spec.white, 0.406F * spec.white};
    spec.std = {0.229F * spec.white, 0.224F * spec.white, 0.225F * spec.white};
    return spec;
}

std::size_t row_bytes(const core::PictureDesc& desc, int plane) {
    return static_cast<std::size_t>(core::plane_samples(desc, plane)) *
           static_cast<std::size_t>(desc.format.bytes_per_sample());
}

const char* name(Channels channels) {
    switch (channels) {
        case Channels::rgb:
            return "rgb";
        case Channels::bgr:
            return "bgr";
        case Channels::luma:
            return "luma";
        case Channels::yuv:
            return "yuv";
    }
    return "?";
}

std::string describe(const TensorSpec& spec) {
    return std::string(core::name(spec.dtype)) + (spec.layout == Layout::nchw ? " nchw " : " nhwc ") +
           name(spec.channels) + " white " + std::to_string(spec.white);
}

std::string layout_of(const core::PixelFormat& format) {
    return format.alignment == core::Alignment::high ? " (high)" : "";
}

}  // namespace

TensorCase any_tensor_case(std::mt19937& random) {
    TensorCase c{any_desc(random), any_spec(random), std::nullopt};
    if (chance(random, 2)) return c;
    ResizeSpec resize{any(random, 1, 140), any(random, 1, 60), Fit::stretch, Filter::bilinear};
    resize.filter = one_of(random, std::array{Filter::bilinear, Filter::bicubic, Filter::area});
    resize.fit = one_of(random, std::array{Fit::stretch, Fit::letterbox, Fit::crop, Fit::pad});
    if (resize.fit == Fit::pad) {
        resize.width = c.input.width + any(random, 0, 20);
        resize.height = c.input.height + any(random, 0, 9);
    }
    c.resize = resize;
    return c;
}

PictureCase any_picture_case(std::mt19937& random) {
    PictureCase c;
    c.spec = any_spec(random);
    c.output = any_desc(random);
    const bool larger = chance(random, 4);
    c.tensor_width = c.output.width + (larger ? any(random, 0, 20) : 0);
    c.tensor_height = c.output.height + (larger ? any(random, 0, 9) : 0);
    if (c.spec.channels != Channels::luma || chance(random, 4)) return c;
    c.chroma = any_desc(random);
    c.chroma->color.matrix = c.output.color.matrix;
    return c;
}

std::string describe(const TensorCase& c) {
    std::string text = describe(c.input) + layout_of(c.input.format) + " -> " + describe(c.spec);
    if (!c.resize) return text;
    const std::array fits{"stretch", "letterbox", "crop", "pad"};
    const std::array filters{"bilinear", "bicubic", "area"};
    return text + " " + std::to_string(c.resize->width) + "x" + std::to_string(c.resize->height) + " " +
           fits.at(static_cast<std::size_t>(c.resize->fit)) + " " +
           filters.at(static_cast<std::size_t>(c.resize->filter));
}

std::string describe(const PictureCase& c) {
    std::string text = describe(c.spec) + " " + std::to_string(c.tensor_width) + "x" + std::to_string(c.tensor_height) +
                       " -> " + describe(c.output) + layout_of(c.output.format);
    return c.chroma ? text + ", chroma of " + describe(*c.chroma) + layout_of(c.chroma->format) : text;
}

core::TensorDesc tensor_desc(const PictureCase& c) {
    const std::int64_t channels = c.spec.channels == Channels::luma ? 1 : 3;
    if (c.spec.layout == Layout::nchw) return {c.spec.dtype, {channels, c.tensor_height, c.tensor_width}};
    return {c.spec.dtype, {c.tensor_height, c.tensor_width, channels}};
}

Canvas make_canvas(device::BufferPool& pool, const core::PictureDesc& desc, Rows rows) {
    constexpr std::size_t alignment = 64;
    const auto sample = static_cast<std::size_t>(desc.format.bytes_per_sample());
    std::array<std::size_t, 3> begins{};
    std::array<std::size_t, 3> pitches{};
    std::size_t total = rows == Rows::aligned ? 0 : sample;
    for (int p = 0; p < desc.format.plane_count(); ++p) {
        const auto plane = static_cast<std::size_t>(p);
        const std::size_t row = row_bytes(desc, p);
        pitches.at(plane) = rows == Rows::aligned ? (row + alignment - 1) / alignment * alignment : row + 3 * sample;
        begins.at(plane) = total;
        total += pitches.at(plane) * static_cast<std::size_t>(core::plane_rows(desc, p));
    }
    Canvas canvas;
    canvas.block = device::lease_tensor(pool, {core::DType::uint8, {static_cast<std::int64_t>(total)}});
    canvas.picture.desc = desc;
    canvas.picture.device = canvas.block.device;
    canvas.picture.owner = canvas.block.owner;
    canvas.picture.timeline = canvas.block.timeline;
    for (int p = 0; p < desc.format.plane_count(); ++p) {
        const auto plane = static_cast<std::size_t>(p);
        canvas.picture.planes.at(plane) = {canvas.block.data + begins.at(plane),
                                           static_cast<std::ptrdiff_t>(pitches.at(plane))};
    }
    return canvas;
}

void fill(const Canvas& canvas, std::mt19937& random) {
    for (std::size_t i = 0; i < canvas.block.desc.byte_count(); ++i) {
        canvas.block.data[i] = static_cast<std::byte>(random() >> 24U);
    }
    fill_random(canvas.picture, random);
}

void fill(const device::Tensor& tensor, std::mt19937& random, unsigned wild) {
    for (std::int64_t i = 0; i < tensor.desc.element_count(); ++i) {
        const auto bits = static_cast<std::uint32_t>(random());
        const bool anything = wild != 0 && random() % wild == 0;
        const float color = static_cast<float>(bits) * 0x1p-32F * 1.4F - 0.2F;
        if (tensor.desc.dtype == core::DType::float16) {
            tensor.as<std::uint16_t>()[i] = anything ? static_cast<std::uint16_t>(bits) : half_of_float(color);
        } else {
            tensor.as<float>()[i] = anything ? std::bit_cast<float>(bits) : color;
        }
    }
}

device::Tensor packed(device::BufferPool& pool, const device::Tensor& planes, const Packing& packing,
                      std::uint16_t behind) {
    const std::int64_t height = planes.desc.shape.at(1);
    const std::int64_t width = planes.desc.shape.at(2);
    const std::int64_t b = packing.block;
    device::Tensor result =
        device::lease_tensor(pool, {core::DType::float16, {height / b, width / b, packing.channels}});
    std::fill_n(result.as<std::uint16_t>(), result.desc.element_count(), behind);
    for (std::int64_t c = 0; c < 3; ++c) {
        for (std::int64_t y = 0; y < height; ++y) {
            for (std::int64_t x = 0; x < width; ++x) {
                const std::int64_t pixel = y / b * (width / b) + x / b;
                const std::int64_t channel = c * b * b + y % b * b + x % b;
                result.as<std::uint16_t>()[pixel * packing.channels + channel] =
                    planes.as<std::uint16_t>()[(c * height + y) * width + x];
            }
        }
    }
    return result;
}

std::int64_t count_nan(const device::Tensor& tensor, Layout layout, int width, int height) {
    const std::vector<std::int64_t>& shape = tensor.desc.shape;
    const auto channels = static_cast<int>(layout == Layout::nchw ? shape[0] : shape[2]);
    std::int64_t count = 0;
    for (int c = 0; c < channels; ++c) {
        for (int y = 0; y < height; ++y) {
            for (int x = 0; x < width; ++x) count += std::isnan(element(tensor, layout, c, x, y)) ? 1 : 0;
        }
    }
    return count;
}

}  // namespace millrace::ops::test
