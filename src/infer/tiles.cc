#include "infer/tiles.h"

#include <algorithm>
#include <cassert>

#include "device/copy.h"

namespace millrace::infer {
namespace {

/// A tile along one axis: where it begins, and what is kept of it.
struct Span {
    int begin = 0;
    int keep_begin = 0;
    int keep_end = 0;
};

/// Tiles of `tile` pixels over `extent`, `margin` of which are not kept at inner edges.
std::vector<Span> plan_axis(int extent, int tile, int margin) {
    if (extent <= tile) return {{0, 0, extent}};
    assert(2 * margin < tile);
    std::vector<Span> spans;
    int kept = 0;
    for (int begin = 0; kept < extent; begin += tile - 2 * margin) {
        const bool last = begin + tile >= extent;
        const int end = last ? extent : begin + tile - margin;
        spans.push_back({last ? extent - tile : begin, kept, end});
        kept = end;
    }
    return spans;
}

/// Rows of a [C, H, W] or [H, W, C] tensor: `planes` times `height` rows, `pixel` bytes for a step in x.
struct Grid {
    Grid(const device::Tensor& tensor, Layout layout) : data(tensor.data) {
        assert(tensor.desc.shape.size() == 3);
        const auto extent = [&tensor](std::size_t axis) { return static_cast<std::size_t>(tensor.desc.shape[axis]); };
        const bool planar = layout == Layout::nchw;
        planes = planar ? extent(0) : 1;
        height = planar ? extent(1) : extent(0);
        width = planar ? extent(2) : extent(1);
        pixel = core::size_of(tensor.desc.dtype) * (planar ? 1 : extent(2));
    }
    [[nodiscard]] std::byte* at(std::size_t plane, std::size_t y, std::size_t x) const {
        return data + ((plane * height + y) * width + x) * pixel;
    }
    [[nodiscard]] std::size_t pitch() const { return width * pixel; }

    std::byte* data;
    std::size_t planes;
    std::size_t height;
    std::size_t width;
    std::size_t pixel;
};

}  // namespace

TilePlan plan_tiles(const ModelDescription& model, Size frame) {
    assert(model.tile && frame.width > 0 && frame.height > 0);
    const int multiple = model.size_multiple;
    const int margin = round_up(model.tile->overlap, multiple);
    const Size padded{round_up(frame.width, multiple), round_up(frame.height, multiple)};
    TilePlan plan{frame, model.tile->size, model.layout, {}};
    if (!model.input_size) {
        plan.tile.width = std::min(plan.tile.width, padded.width);
        plan.tile.height = std::min(plan.tile.height, padded.height);
    }
    for (const Span& down : plan_axis(padded.height, plan.tile.height, margin)) {
        for (const Span& across : plan_axis(padded.width, plan.tile.width, margin)) {
            const int right = std::min(across.keep_end, frame.width);
            const int bottom = std::min(down.keep_end, frame.height);
            if (right <= across.keep_begin || bottom <= down.keep_begin) continue;
            plan.tiles.push_back(
                {across.begin, down.begin,
                 Rect{across.keep_begin, down.keep_begin, right - across.keep_begin, bottom - down.keep_begin}});
        }
    }
    return plan;
}

void gather_tile(device::StreamRef stream, const TilePlan& plan, std::size_t index, const device::Tensor& frame,
                 const device::Tensor& slot) {
    assert(frame.desc.dtype == slot.desc.dtype);
    const Grid from(frame, plan.layout);
    const Grid to(slot, plan.layout);
    assert(from.planes == to.planes && from.pixel == to.pixel);
    const auto left = static_cast<std::size_t>(plan.tiles[index].x);
    const auto top = static_cast<std::size_t>(plan.tiles[index].y);
    const std::size_t columns = std::min(to.width, from.width - left);
    const std::size_t rows = std::min(to.height, from.height - top);
    device::Access access(stream, frame.timeline, slot.timeline);
    for (std::size_t plane = 0; plane < to.planes; ++plane) {
        const auto copy = [&](std::byte* target, const std::byte* source, std::size_t pixels) {
            device::copy_rows(stream, {target, to.pitch(), source, from.pitch(), pixels * to.pixel, rows});
        };
        copy(to.at(plane, 0, 0), from.at(plane, top, left), columns);
        for (std::size_t x = columns; x < to.width; ++x) {
            copy(to.at(plane, 0, x), from.at(plane, top, from.width - 1), 1);
        }
        for (std::size_t y = rows; y < to.height; ++y) {
            device::copy_rows(stream,
                              {to.at(plane, y, 0), to.pitch(), to.at(plane, rows - 1, 0), to.pitch(), to.pitch(), 1});
        }
    }
    access.done();
}

void scatter_tile(device::StreamRef stream, const TilePlan& plan, std::size_t index, const device::Tensor& result,
                  const device::Tensor& frame) {
    assert(frame.desc.dtype == result.desc.dtype);
    const Grid from(result, plan.layout);
    const Grid to(frame, plan.layout);
    assert(from.planes == to.planes && from.pixel == to.pixel);
    const std::size_t scale = from.width / static_cast<std::size_t>(plan.tile.width);
    assert(from.height == scale * static_cast<std::size_t>(plan.tile.height));
    assert(to.width == scale * static_cast<std::size_t>(plan.frame.width));
    const auto scaled = [scale](int pixels) { return scale * static_cast<std::size_t>(pixels); };
    const Tile& tile = plan.tiles[index];
    device::Access access(stream, result.timeline, frame.timeline);
    for (std::size_t plane = 0; plane < to.planes; ++plane) {
        device::copy_rows(stream, {to.at(plane, scaled(tile.keep.y), scaled(tile.keep.x)), to.pitch(),
                                   from.at(plane, scaled(tile.keep.y - tile.y), scaled(tile.keep.x - tile.x)),
                                   from.pitch(), scaled(tile.keep.width) * to.pixel, scaled(tile.keep.height)});
    }
    access.done();
}

}  // namespace millrace::infer
