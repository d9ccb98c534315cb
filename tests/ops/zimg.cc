#include "ops/zimg.h"

#include <zimg.h>

#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>

#include "ops/support.h"

namespace millrace::ops::test {

namespace {

void check(bool ok) {
    if (ok) return;
    std::array<char, 256> text{};
    zimg_get_last_error(text.data(), text.size());
    throw std::runtime_error(std::string("zimg: ") + text.data());
}

constexpr std::size_t alignment = 64;

struct Free {
    void operator()(std::byte* memory) const { ::operator delete(memory, std::align_val_t(alignment)); }
};
using Memory = std::unique_ptr<std::byte, Free>;

Memory allocate(std::size_t bytes) {
    return Memory(static_cast<std::byte*>(::operator new(bytes, std::align_val_t(alignment))));
}

struct Plane {
    Memory memory;
    std::size_t pitch = 0;
    std::size_t row = 0;
    std::size_t rows = 0;
};

struct Image {
    zimg_image_format format;
    std::vector<Plane> planes;
};

std::size_t bytes_of(zimg_pixel_type_e type) { return type == ZIMG_PIXEL_BYTE ? 1 : type == ZIMG_PIXEL_FLOAT ? 4 : 2; }

Image make_image(const zimg_image_format& format) {
    Image image{format, {}};
    const int count = format.color_family == ZIMG_COLOR_GREY ? 1 : 3;
    for (int p = 0; p < count; ++p) {
        Plane plane;
        const bool chroma = p > 0;
        plane.row = (format.width >> (chroma ? format.subsample_w : 0)) * bytes_of(format.pixel_type);
        plane.rows = format.height >> (chroma ? format.subsample_h : 0);
        plane.pitch = (plane.row + alignment - 1) / alignment * alignment;
        plane.memory = allocate(plane.pitch * plane.rows);
        image.planes.push_back(std::move(plane));
    }
    return image;
}

zimg_image_format float_format(int width, int height, core::Matrix matrix) {
    zimg_image_format format;
    zimg_image_format_default(&format, ZIMG_API_VERSION);
    format.width = static_cast<unsigned>(width);
    format.height = static_cast<unsigned>(height);
    format.pixel_type = ZIMG_PIXEL_FLOAT;
    format.color_family = matrix == core::Matrix::identity ? ZIMG_COLOR_RGB : ZIMG_COLOR_YUV;
    format.matrix_coefficients = static_cast<zimg_matrix_coefficients_e>(matrix);
    format.depth = 32;
    format.pixel_range = ZIMG_RANGE_FULL;
    return format;
}

zimg_chroma_location_e location(core::ChromaSiting siting) {
    switch (siting) {
        case core::ChromaSiting::center:
            return ZIMG_CHROMA_CENTER;
        case core::ChromaSiting::top_left:
            return ZIMG_CHROMA_TOP_LEFT;
        case core::ChromaSiting::top:
            return ZIMG_CHROMA_TOP;
        case core::ChromaSiting::bottom_left:
            return ZIMG_CHROMA_BOTTOM_LEFT;
        case core::ChromaSiting::bottom:
            return ZIMG_CHROMA_BOTTOM;
        default:
            return ZIMG_CHROMA_LEFT;
    }
}

zimg_image_format yuv_format(const core::PictureDesc& desc) {
    zimg_image_format format = float_format(desc.width, desc.height, desc.color.matrix);
    format.pixel_type = desc.format.depth == 8 ? ZIMG_PIXEL_BYTE : ZIMG_PIXEL_WORD;
    format.depth = desc.format.depth;
    format.pixel_range = desc.color.range == core::Range::full ? ZIMG_RANGE_FULL : ZIMG_RANGE_LIMITED;
    format.subsample_w = desc.format.log2_chroma_w;
    format.subsample_h = desc.format.log2_chroma_h;
    format.chroma_location = location(desc.color.siting);
    return format;
}

zimg_image_format as_float(zimg_image_format format) {
    format.pixel_type = ZIMG_PIXEL_FLOAT;
    format.depth = 32;
    format.pixel_range = ZIMG_RANGE_FULL;
    return format;
}

struct Graph {
    explicit Graph(zimg_filter_graph* g) : graph(g) { check(g != nullptr); }
    ~Graph() { zimg_filter_graph_free(graph); }
    Graph(const Graph&) = delete;
    Graph& operator=(const Graph&) = delete;
    zimg_filter_graph* graph;
};

zimg_graph_builder_params params_of(Filter filter) {
    zimg_graph_builder_params params;
    zimg_graph_builder_params_default(&params, ZIMG_API_VERSION);
    const bool bicubic = filter == Filter::bicubic;
    params.resample_filter = params.resample_filter_uv = bicubic ? ZIMG_RESIZE_BICUBIC : ZIMG_RESIZE_BILINEAR;
    params.filter_param_a = params.filter_param_a_uv = 0.0;
    params.filter_param_b = params.filter_param_b_uv = 0.5;
    params.dither_type = ZIMG_DITHER_NONE;
    return params;
}

Image convert(const Image& in, const zimg_image_format& to, Filter filter) {
    const zimg_graph_builder_params params = params_of(filter);
    const Graph graph(zimg_filter_graph_build(&in.format, &to, &params));
    Image out = make_image(to);
    zimg_image_buffer_const from{};
    zimg_image_buffer into{};
    from.version = into.version = ZIMG_API_VERSION;
    for (std::size_t p = 0; p < in.planes.size(); ++p) {
        from.plane[p] = {in.planes[p].memory.get(), static_cast<std::ptrdiff_t>(in.planes[p].pitch), ZIMG_BUFFER_MAX};
    }
    for (std::size_t p = 0; p < out.planes.size(); ++p) {
        into.plane[p] = {out.planes[p].memory.get(), static_cast<std::ptrdiff_t>(out.planes[p].pitch), ZIMG_BUFFER_MAX};
    }
    std::size_t scratch = 0;
    check(zimg_filter_graph_get_tmp_size(graph.graph, &scratch) == ZIMG_ERROR_SUCCESS);
    const Memory memory = allocate(scratch);
    check(zimg_filter_graph_process(graph.graph, &from, &into, memory.get(), nullptr, nullptr, nullptr, nullptr) ==
          ZIMG_ERROR_SUCCESS);
    return out;
}

Image image_of(const device::Picture& picture) {
    Image image = make_image(yuv_format(picture.desc));
    for (std::size_t p = 0; p < image.planes.size(); ++p) {
        const Plane& plane = image.planes[p];
        for (std::size_t y = 0; y < plane.rows; ++y) {
            std::memcpy(plane.memory.get() + y * plane.pitch,
                        picture.planes.at(p).data + picture.planes.at(p).pitch * static_cast<std::ptrdiff_t>(y),
                        plane.row);
        }
    }
    return image;
}

device::Picture picture_of(const Image& image, const core::PictureDesc& desc) {
    device::Picture picture = make_picture(desc);
    for (std::size_t p = 0; p < image.planes.size(); ++p) {
        const Plane& plane = image.planes[p];
        for (std::size_t y = 0; y < plane.rows; ++y) {
            std::memcpy(picture.planes.at(p).data + picture.planes.at(p).pitch * static_cast<std::ptrdiff_t>(y),
                        plane.memory.get() + y * plane.pitch, plane.row);
        }
    }
    return picture;
}

Image image_of(const FloatImage& rgb) {
    Image image = make_image(float_format(rgb.width, rgb.height, core::Matrix::identity));
    for (std::size_t p = 0; p < 3; ++p) {
        const Plane& plane = image.planes[p];
        for (std::size_t y = 0; y < plane.rows; ++y) {
            std::memcpy(plane.memory.get() + y * plane.pitch,
                        rgb.planes.at(p).data() + y * static_cast<std::size_t>(rgb.width), plane.row);
        }
    }
    return image;
}

FloatImage float_image_of(const Image& image) {
    FloatImage out{static_cast<int>(image.format.width), static_cast<int>(image.format.height), {}};
    for (const Plane& plane : image.planes) {
        std::vector<float> samples(image.format.width * plane.rows);
        for (std::size_t y = 0; y < plane.rows; ++y) {
            std::memcpy(samples.data() + y * image.format.width, plane.memory.get() + y * plane.pitch, plane.row);
        }
        out.planes.push_back(std::move(samples));
    }
    return out;
}

}  // namespace

FloatImage zimg_rgb(const device::Picture& picture) {
    const zimg_image_format to = float_format(picture.desc.width, picture.desc.height, core::Matrix::identity);
    return float_image_of(convert(image_of(picture), to, Filter::bilinear));
}

device::Picture zimg_yuv(const FloatImage& rgb, const core::PictureDesc& desc) {
    return picture_of(convert(image_of(rgb), yuv_format(desc), Filter::bilinear), desc);
}

FloatImage zimg_resize(const FloatImage& rgb, const Window& window, std::array<int, 2> size, Filter filter) {
    Image image = image_of(rgb);
    image.format.active_region = {window.left, window.top, window.width, window.height};
    return float_image_of(convert(image, float_format(size[0], size[1], core::Matrix::identity), filter));
}

device::Picture zimg_scale(const device::Picture& picture, const core::PictureDesc& desc) {
    // By way of float32: zimg rounds integers after each axis.
    const Image in = convert(image_of(picture), as_float(yuv_format(picture.desc)), Filter::bicubic);
    const Image scaled = convert(in, as_float(yuv_format(desc)), Filter::bicubic);
    return picture_of(convert(scaled, yuv_format(desc), Filter::bicubic), desc);
}

}  // namespace millrace::ops::test
