#pragma once
// A tensor that holds the elements of a picture in another order or shape: what Reshape, Transpose, Flatten, Squeeze
// and Unsqueeze make. Nothing is computed; it is found out what such a chain amounts to.

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "infer/fused/net.h"
#include "infer/graph/model_graph.h"

namespace millrace::infer::fused {

class View {
  public:
    /// The picture itself, [batch, channels, height, width] by another shape of as many elements.
    View(int value, int batch, const Value& picture, graph::Shape shape);

    [[nodiscard]] int value() const { return value_; }
    [[nodiscard]] const graph::Shape& shape() const { return shape_; }

    /// As many elements are needed.
    [[nodiscard]] View reshaped(graph::Shape shape) const;
    /// nullopt: the shape cuts across the picture's axes so that nothing simple comes of it.
    [[nodiscard]] std::optional<View> transposed(const std::vector<std::int64_t>& order) const;

    /// The picture unchanged, [N, C, H, W] or what is left of it without dimensions of 1 at the end.
    [[nodiscard]] bool is_picture() const;
    /// All of a picture's elements as they lie in memory, [N, C, H, W] row-major, whatever the shape.
    [[nodiscard]] bool is_in_order() const;
    /// All of a picture's elements in a row, [N, C * H * W].
    [[nodiscard]] bool is_flat() const;
    /// [N, C, H, W] of which each comes from channels: a pixel shuffle.
    [[nodiscard]] std::optional<DepthToSpace> depth_to_space() const;
    /// [N, C, H, W] with channels made of pixels: what depth_to_space() of that kind would undo.
    [[nodiscard]] std::optional<DepthToSpace> space_to_depth() const;
    /// The picture with its channels in another order: of each, which it was.
    [[nodiscard]] std::optional<std::vector<int>> channel_order() const;

  private:
    /// Elements of an axis of the picture, `stride` apart.
    struct Run {
        int axis = 0;
        std::int64_t size = 1;
        std::int64_t stride = 1;
        friend bool operator==(const Run&, const Run&) = default;
    };
    using Runs = std::vector<Run>;

    [[nodiscard]] std::optional<std::vector<Runs>> runs_of_dimensions() const;
    [[nodiscard]] Runs whole() const;
    static Runs merged(const Runs& runs);

    int value_;
    std::array<std::int64_t, 4> extents_;  ///< of the picture: batch, channels, height, width
    graph::Shape shape_;
    Runs runs_;  ///< from the outermost to the innermost
};

}  // namespace millrace::infer::fused
