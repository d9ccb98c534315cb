#pragma once
// A frame in pieces: where the pieces lie, and the copies in and out of them.

#include <vector>

#include "device/device.h"
#include "device/tensor.h"
#include "infer/model.h"

namespace millrace::infer {

[[nodiscard]] constexpr int round_up(int value, int multiple) { return (value + multiple - 1) / multiple * multiple; }

/// Pixels [x, x + width) x [y, y + height).
struct Rect {
    int x = 0;
    int y = 0;
    int width = 0;
    int height = 0;
    friend bool operator==(const Rect&, const Rect&) = default;
};

/// One tile, in pixels of the model's input.
struct Tile {
    int x = 0;  ///< top left corner of what the model sees; the size is TilePlan::tile
    int y = 0;
    Rect keep;  ///< what of its result is used, in the frame's coordinates; inside the frame and inside the tile
};

/// Every pixel of the frame is kept of exactly one tile, and lies at least `overlap` pixels inside that tile, except
/// where the tile's edge is the frame's. So a net that looks at most `overlap` pixels to each side gives the same
/// picture as without tiles: where the tile ends at the frame's edge, it pads as it would have padded the frame.
struct TilePlan {
    Size frame;
    Size tile;  ///< of every tile
    Layout layout = Layout::nchw;
    std::vector<Tile> tiles;  ///< row by row
};

/// Tiles of `frame` for a model with a tile setting (asserted). Tiles begin at multiples of the model's size_multiple
/// (the overlap is rounded up to it) and tiles at the right and lower edge are moved inside. Where the frame is smaller
/// than a tile, the tile shrinks to the frame, rounded up to the multiple; if the model's size is fixed it reaches over
/// the edge. What lies outside the frame repeats its edge pixels.
[[nodiscard]] TilePlan plan_tiles(const ModelDescription& model, Size frame);

/// Copy what tile `index` sees of `frame` into `slot`. frame: [C, H, W] or [H, W, C] by the plan's layout, of the
/// plan's frame size; slot: the same of the tile's size; any dtype. Thread-safe.
void gather_tile(device::StreamRef stream, const TilePlan& plan, std::size_t index, const device::Tensor& frame,
                 const device::Tensor& slot);

/// Copy what is kept of tile `index`'s `result` into `frame`, both `s` times the size in the plan (s from the shapes).
/// Tiles of one frame may be scattered from several threads at once.
void scatter_tile(device::StreamRef stream, const TilePlan& plan, std::size_t index, const device::Tensor& result,
                  const device::Tensor& frame);

}  // namespace millrace::infer
