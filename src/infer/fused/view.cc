#include "infer/fused/view.h"

#include <cassert>
#include <utility>

namespace millrace::infer::fused {

View::View(int value, int batch, const Value& picture, graph::Shape shape)
    : value_(value),
      extents_{batch, picture.channels, picture.height, picture.width},
      shape_(std::move(shape)),
      runs_(whole()) {}

View::Runs View::merged(const Runs& runs) {
    Runs result;
    for (const Run& run : runs) {
        if (run.size == 1) continue;
        if (!result.empty() && result.back().axis == run.axis && result.back().stride == run.stride * run.size) {
            result.back() = {run.axis, result.back().size * run.size, run.stride};
        } else {
            result.push_back(run);
        }
    }
    return result;
}

View::Runs View::whole() const {
    return merged({{0, extents_[0]}, {1, extents_[1]}, {2, extents_[2]}, {3, extents_[3]}});
}

View View::reshaped(graph::Shape shape) const {
    assert(graph::count_of(shape) == graph::count_of(shape_));
    View result = *this;
    result.shape_ = std::move(shape);
    return result;
}

std::optional<std::vector<View::Runs>> View::runs_of_dimensions() const {
    std::vector<Runs> dimensions;
    Runs left = runs_;
    std::size_t next = 0;
    for (const std::int64_t extent : shape_) {
        Runs& dimension = dimensions.emplace_back();
        std::int64_t missing = extent;
        while (missing > 1) {
            Run& run = left[next];
            if (missing % run.size == 0) {
                dimension.push_back(run);
                missing /= run.size;
                ++next;
            } else if (run.size % missing == 0) {
                run.size /= missing;
                dimension.push_back({run.axis, missing, run.stride * run.size});
                missing = 1;
            } else {
                return std::nullopt;
            }
        }
    }
    return dimensions;
}

std::optional<View> View::transposed(const std::vector<std::int64_t>& order) const {
    const auto dimensions = runs_of_dimensions();
    if (!dimensions) return std::nullopt;
    View result = *this;
    result.shape_.clear();
    Runs runs;
    for (const std::int64_t from : order) {
        const auto at = static_cast<std::size_t>(from);
        result.shape_.push_back(shape_[at]);
        runs.insert(runs.end(), (*dimensions)[at].begin(), (*dimensions)[at].end());
    }
    result.runs_ = merged(runs);
    return result;
}

bool View::is_picture() const {
    if (runs_ != whole() || shape_.size() < 2 || shape_.size() > 4) return false;
    for (std::size_t axis = 0; axis < 4; ++axis) {
        if ((axis < shape_.size() ? shape_[axis] : 1) != extents_[axis]) return false;
    }
    return true;
}

bool View::is_in_order() const { return runs_ == whole(); }

bool View::is_flat() const {
    return is_in_order() && shape_ == graph::Shape{extents_[0], extents_[1] * extents_[2] * extents_[3]};
}

std::optional<DepthToSpace> View::depth_to_space() const {
    const auto [batch, channels, height, width] = extents_;
    if (shape_.size() != 4 || height == 0) return std::nullopt;
    const std::int64_t block = shape_[2] / height;
    if (block < 2 || channels % (block * block) != 0) return std::nullopt;
    const std::int64_t left = channels / (block * block);
    if (shape_ != graph::Shape{batch, left, height * block, width * block}) return std::nullopt;
    const auto shuffled = [&](std::int64_t channel_stride, std::int64_t block_stride) {
        return merged({{0, batch},
                       {1, left, channel_stride},
                       {2, height},
                       {1, block, block_stride * block},
                       {3, width},
                       {1, block, block_stride}});
    };
    if (runs_ == shuffled(block * block, 1)) return DepthToSpace{static_cast<int>(block), true};
    if (runs_ == shuffled(1, left)) return DepthToSpace{static_cast<int>(block), false};
    return std::nullopt;
}

std::optional<DepthToSpace> View::space_to_depth() const {
    const auto [batch, channels, height, width] = extents_;
    if (shape_.size() != 4 || shape_[2] == 0) return std::nullopt;
    const std::int64_t block = height / shape_[2];
    constexpr std::int64_t most = 8;
    if (block < 2 || block > most || height % block != 0 || width % block != 0) return std::nullopt;
    if (shape_ != graph::Shape{batch, channels * block * block, height / block, width / block}) return std::nullopt;
    const Run rows{2, block, 1};
    const Run columns{3, block, 1};
    const Run high{2, height / block, block};
    const Run wide{3, width / block, block};
    const bool columns_last = runs_ == merged({{0, batch}, {1, channels}, rows, columns, high, wide});
    if (!columns_last && runs_ != merged({{0, batch}, rows, columns, {1, channels}, high, wide})) return std::nullopt;
    return DepthToSpace{static_cast<int>(block), columns_last};
}

std::optional<std::vector<int>> View::channel_order() const {
    const auto [batch, channels, height, width] = extents_;
    if (shape_ != graph::Shape{batch, channels, height, width}) return std::nullopt;
    std::vector<int> order{0};
    Runs frame;
    for (const Run& run : runs_) {
        if (run.axis != 1) {
            frame.push_back(run);
            continue;
        }
        // Channels all stand together, between the batch and the rows.
        if (!frame.empty() && frame.back().axis != 0) return std::nullopt;
        std::vector<int> longer;
        for (const int channel : order) {
            for (std::int64_t i = 0; i < run.size; ++i) longer.push_back(channel + static_cast<int>(i * run.stride));
        }
        order = std::move(longer);
    }
    if (frame != merged({{0, batch}, {2, height}, {3, width}})) return std::nullopt;
    return order;
}

}  // namespace millrace::infer::fused
