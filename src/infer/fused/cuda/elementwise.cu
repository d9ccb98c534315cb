#include <algorithm>
#include <cassert>
#include <variant>

#include "infer/fused/cuda/depthwise.cuh"
#include "infer/fused/cuda/elementwise.h"
#include "infer/fused/cuda/roots.cuh"
#include "infer/fused/cuda/slices.cuh"

namespace millrace::infer::fused::cuda {
namespace {

template <class Root>
__global__ void elementwise(const __grid_constant__ Root root, const __grid_constant__ Steps steps,
                            const __grid_constant__ Slice slice, Group* out) {
    const std::uint32_t thread = blockIdx.x * blockDim.x + threadIdx.x;
    if (thread >= slice.count) return;
    const Place at = slice.place(thread, 1);
    Values values{};
    if (at.group * channel_group < slice.channels) {
        values = root(at);
        apply(steps, at, values);
    }
    store_channels(slice, at, values, out);
}

template <class Root>
void launch(device::StreamRef stream, const ElementwiseSite& site, const Root& root) {
    const Steps steps = steps_of(site);
    const Launching launching(stream);
    for_slices(site.output, 1, [&](const Slice& slice, unsigned blocks) {
        elementwise<<<blocks, threads, 0, device::cuda::native(stream)>>>(root, steps, slice,
                                                                          reinterpret_cast<Group*>(site.output.data));
        launching.done("fused elementwise");
    });
}

template <int Kernel, int Stride>
void launch_depthwise(device::StreamRef stream, const ElementwiseSite& site, const Depthwise& conv) {
    const Steps steps = steps_of(site);
    const Launching launching(stream);
    for_slices(site.output, depthwise_pixels, [&](const Slice& slice, unsigned blocks) {
        depthwise<Kernel, Stride><<<blocks, threads, 0, device::cuda::native(stream)>>>(
            conv, steps, slice, reinterpret_cast<Group*>(site.output.data));
        launching.done("fused depthwise convolution");
    });
}

template <int Kernel>
void launch_depthwise(device::StreamRef stream, const ElementwiseSite& site, const Convolution& conv) {
    const Depthwise depthwise{view_of(site.inputs.front()),
                              reinterpret_cast<const Group*>(site.weights),
                              conv.kernel.y,
                              conv.stride.y,
                              conv.pads.top,
                              conv.pads.left};
    if (conv.stride.x == 1) return launch_depthwise<Kernel, 1>(stream, site, depthwise);
    assert(conv.stride.x == 2);
    launch_depthwise<Kernel, 2>(stream, site, depthwise);
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
    void operator()(const Convolution& root) const {
        if (site.weights == nullptr) return launch(stream, site, IdentityRoot{view_of(site.output)});
        if (root.kernel.x == 3) return launch_depthwise<3>(stream, site, root);
        if (root.kernel.x == 5) return launch_depthwise<5>(stream, site, root);
        assert(root.kernel.x == 7);
        launch_depthwise<7>(stream, site, root);
    }
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
