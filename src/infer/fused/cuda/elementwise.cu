#include <algorithm>
#include <cassert>
#include <type_traits>
#include <variant>

#include "infer/fused/cuda/elementwise.h"
#include "infer/fused/cuda/launch.cuh"
#include "infer/fused/cuda/roots.cuh"
#include "infer/fused/divider.h"

namespace millrace::infer::fused::cuda {
namespace {

/// Groups of neighbouring lines of the result, one thread each. A line is a row of pixels of one of the batch.
struct Slice {
    Divider line;    ///< by the groups of a line
    Divider pixel;   ///< by the groups of a pixel
    Divider height;  ///< by the lines of a picture
    std::uint32_t first_line;
    std::uint32_t count;  ///< of groups, below 2^31
    int channels;
};

template <class Root>
__global__ void elementwise(const __grid_constant__ Root root, const __grid_constant__ Steps steps,
                            const __grid_constant__ Slice slice, Group* out) {
    const std::uint32_t thread = blockIdx.x * blockDim.x + threadIdx.x;
    if (thread >= slice.count) return;
    const auto [line_of_slice, group_of_line] = slice.line.divide(thread);
    const std::uint32_t line = slice.first_line + line_of_slice;
    const auto [x, group] = slice.pixel.divide(group_of_line);
    const auto [n, y] = slice.height.divide(line);
    const Place at{static_cast<int>(n), static_cast<int>(y), static_cast<int>(x), static_cast<int>(group),
                   static_cast<std::int64_t>(line) * slice.line.by() + group_of_line};
    const int there = slice.channels - at.group * channel_group;
    Values values{};
    if (there > 0) {
        values = root(at);
        apply(steps, at, values);
    }
#pragma unroll
    for (int i = 0; i < channel_group; ++i) values.at[i] = i < there ? values.at[i] : 0.0F;
    store(out + at.index, values);
}

template <class Root>
void launch(device::StreamRef stream, const ElementwiseSite& site, const Root& root) {
    const Pixels& out = site.output;
    const auto a_pixel = static_cast<std::uint32_t>(out.stride / channel_group);
    const std::uint32_t a_line = static_cast<std::uint32_t>(out.shape.width) * a_pixel;
    const auto height = static_cast<std::uint32_t>(out.shape.height);
    const std::uint32_t lines = static_cast<std::uint32_t>(out.batch) * height;
    const std::uint32_t most = std::max((1U << 30U) / a_line, 1U);
    const Steps steps = steps_of(site);
    const Launching launching(stream);
    for (std::uint32_t first = 0; first < lines; first += most) {
        const std::uint32_t count = std::min(most, lines - first) * a_line;
        const Slice slice{Divider(a_line), Divider(a_pixel), Divider(height), first, count, out.shape.channels};
        elementwise<<<blocks_for(count), threads, 0, device::cuda::native(stream)>>>(
            root, steps, slice, reinterpret_cast<Group*>(out.data));
        launching.done("fused elementwise");
    }
}

/// Enqueues a layer by its root.
struct Enqueue {
    device::StreamRef stream;
    const ElementwiseSite& site;

    [[nodiscard]] View input() const { return view_of(site.inputs.front()); }

    [[nodiscard]] Part part_of(const Concat& concat, std::size_t index) const {
        const bool resizes = !concat.resizes.empty() && concat.resizes[index];
        return {view_of(site.inputs[index]),
                resizes,
                {resizes ? *concat.resizes[index] : Resize(), site.output.shape.height, site.output.shape.width}};
    }

    template <class Root>
    void by_channel(const Root& root) const {
        launch(stream, site, ByChannel<Root>{root, site.output.shape.channels});
    }

    void operator()(const Identity& /*root*/) const { launch(stream, site, IdentityRoot{input()}); }
    void operator()(const Convolution& /*root*/) const { launch(stream, site, IdentityRoot{view_of(site.output)}); }
    void operator()(const DepthToSpace& root) const {
        by_channel(Blocks{input(), root.block, site.output.shape.channels, root.columns_last});
    }
    void operator()(const Border& root) const { launch(stream, site, BorderRoot{input(), root}); }
    void operator()(const Pooling& root) const {
        launch(stream, site, PoolingRoot{input(), root.kind, root.kernel, root.stride, root.pads.top, root.pads.left});
    }
    void operator()(const Resize& root) const {
        launch(stream, site, ResizeRoot{input(), {root, site.output.shape.height, site.output.shape.width}});
    }
    void operator()(const Concat& concat) const {
        const auto fill = [&](auto root) {
            for (std::size_t i = 0; i < site.inputs.size(); ++i) root.parts[i] = part_of(concat, i);
            return root;
        };
        const auto is_full = [](const Pixels& input) { return input.shape.channels % channel_group == 0; };
        if (std::all_of(site.inputs.begin(), site.inputs.end() - 1, is_full)) {
            launch(stream, site, fill(ConcatRoot{}));
        } else {
            by_channel(fill(SplitConcat{}));
        }
    }
};

}  // namespace

void enqueue_elementwise(device::StreamRef stream, const ElementwiseSite& site) {
    assert(site.inputs.size() <= most_inputs && site.layer->pointwise.size() <= most_steps);
    std::visit(Enqueue{stream, site}, site.layer->root);
}

}  // namespace millrace::infer::fused::cuda
