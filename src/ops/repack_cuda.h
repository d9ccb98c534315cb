#pragma once
// The GPU's version of repack. Private to src/ops.

#include <cstdint>

#include "device/device.h"
#include "ops/picture_view.h"

namespace millrace::ops {

/// Two pictures of the same samples, of `depth` bits.
struct RepackArgs {
    PictureView from;
    PictureView to;
    int components = 3;
    int depth = 8;
};

/// Enqueues. The caller keeps the timelines.
void repack_cuda(device::StreamRef stream, const RepackArgs& args);

namespace both {

MILLRACE_BOTH int component_width(const PictureView& v, int component) {
    return component == 0 ? v.width : v.chroma_width;
}

MILLRACE_BOTH int component_height(const PictureView& v, int component) {
    return component == 0 ? v.height : v.chroma_height;
}

/// Sample (x, y) of a component. S: as in sample_at().
template <class S>
MILLRACE_BOTH void repack_sample(const RepackArgs& args, int component, int x, int y) {
    const std::uint32_t most = (1U << static_cast<std::uint32_t>(args.depth)) - 1;
    const auto code = static_cast<std::uint32_t>(*sample_at<S>(args.from, component, x, y)) >> args.from.shift;
    *sample_at<S>(args.to, component, x, y) = static_cast<S>((code < most ? code : most) << args.to.shift);
}

}  // namespace both
}  // namespace millrace::ops
