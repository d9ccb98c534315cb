#include "ops/formula.h"

#include <cassert>

namespace millrace::ops {

namespace {

struct Spans {
    double luma_offset;
    double luma;
    double chroma_offset;
    double chroma;
};

Spans spans(int depth, core::Range range) {
    assert(depth >= 8 && depth <= 12 && range != core::Range::unspecified);
    const double unit = 1 << (depth - 8);
    const double maximum = (1 << depth) - 1;
    if (range == core::Range::full) return {0, maximum, 128 * unit, maximum};
    return {16 * unit, 219 * unit, 128 * unit, 224 * unit};
}

FromYuv from_yuv_of(core::Matrix matrix, const Spans& s) {
    const core::LumaWeights k = core::luma_weights(matrix);
    const double kg = 1.0 - k.kr - k.kb;
    FromYuv m;
    m.luma_offset = static_cast<float>(s.luma_offset);
    m.chroma_offset = static_cast<float>(s.chroma_offset);
    m.y = static_cast<float>(1.0 / s.luma);
    m.r_cr = static_cast<float>(2.0 * (1.0 - k.kr) / s.chroma);
    m.g_cb = static_cast<float>(-2.0 * (1.0 - k.kb) * k.kb / kg / s.chroma);
    m.g_cr = static_cast<float>(-2.0 * (1.0 - k.kr) * k.kr / kg / s.chroma);
    m.b_cb = static_cast<float>(2.0 * (1.0 - k.kb) / s.chroma);
    return m;
}

}  // namespace

CodeScale code_scale(int depth, core::Range range) {
    const Spans s = spans(depth, range);
    CodeScale out;
    out.luma_offset = static_cast<float>(s.luma_offset);
    out.luma_span = static_cast<float>(s.luma);
    out.luma_step = static_cast<float>(1.0 / s.luma);
    out.chroma_offset = static_cast<float>(s.chroma_offset);
    out.chroma_span = static_cast<float>(s.chroma);
    out.chroma_step = static_cast<float>(1.0 / s.chroma);
    out.maximum = static_cast<float>((1 << depth) - 1);
    return out;
}

FromYuv from_yuv(core::Matrix matrix, int depth, core::Range range) { return from_yuv_of(matrix, spans(depth, range)); }

FromYuv from_yuv(core::Matrix matrix) { return from_yuv_of(matrix, {0, 1, 0, 1}); }

ToYuv to_yuv(core::Matrix matrix) {
    const core::LumaWeights k = core::luma_weights(matrix);
    ToYuv m;
    m.kr = static_cast<float>(k.kr);
    m.kg = static_cast<float>(1.0 - k.kr - k.kb);
    m.kb = static_cast<float>(k.kb);
    m.cb = static_cast<float>(1.0 / (2.0 * (1.0 - k.kb)));
    m.cr = static_cast<float>(1.0 / (2.0 * (1.0 - k.kr)));
    return m;
}

Affine element_from_color(const TensorSpec& spec) {
    Affine map;
    for (std::size_t c = 0; c < 3; ++c) {
        const double deviation = spec.std.at(c);
        map.scale.at(c) = static_cast<float>(static_cast<double>(spec.white) / deviation);
        map.bias.at(c) = static_cast<float>(0.0 - static_cast<double>(spec.mean.at(c)) / deviation);
    }
    return map;
}

Affine color_from_element(const TensorSpec& spec) {
    Affine map;
    const double white = spec.white;
    for (std::size_t c = 0; c < 3; ++c) {
        map.scale.at(c) = static_cast<float>(static_cast<double>(spec.std.at(c)) / white);
        map.bias.at(c) = static_cast<float>(static_cast<double>(spec.mean.at(c)) / white);
    }
    return map;
}

Site horizontal_site(core::ChromaSiting siting) {
    switch (siting) {
        case core::ChromaSiting::left:
        case core::ChromaSiting::top_left:
        case core::ChromaSiting::bottom_left:
            return Site::first;
        default:
            return Site::midway;
    }
}

Site vertical_site(core::ChromaSiting siting) {
    switch (siting) {
        case core::ChromaSiting::top_left:
        case core::ChromaSiting::top:
            return Site::first;
        case core::ChromaSiting::bottom_left:
        case core::ChromaSiting::bottom:
            return Site::second;
        default:
            return Site::midway;
    }
}

}  // namespace millrace::ops
