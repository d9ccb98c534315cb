#include "ops/chroma_scaler.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "ops/checks.h"
#include "ops/resample.h"

namespace millrace::ops {

namespace {

// One axis of a picture: its luma samples, and how chroma lies over them.
struct ChromaAxis {
    int luma;
    int step;       // luma samples a chroma sample
    double offset;  // of chroma sample 0 from luma sample 0

    [[nodiscard]] int samples() const { return (luma + step - 1) / step; }
};

ChromaAxis axis(int luma, int log2, Site site) { return {luma, 1 << log2, log2 == 0 ? 0.0 : site_offset(site)}; }

// Chroma sample k lies at luma position step * k + offset + 0.5 from the left edge, in either picture; the pictures'
// luma edges coincide.
AxisMap map_chroma(const ChromaAxis& in, const ChromaAxis& out) {
    const double scale = static_cast<double>(in.luma) / out.luma;
    AxisMap map;
    map.input = in.samples();
    map.output = out.samples();
    map.ratio = out.step * scale / in.step;
    map.shift = ((out.offset + 0.5 - 0.5 * out.step) * scale - 0.5 - in.offset) / in.step + 0.5;
    return map;
}

ChromaAxis across(const core::PictureDesc& desc) {
    return axis(desc.width, desc.format.log2_chroma_w, horizontal_site(desc.color.siting));
}

ChromaAxis down(const core::PictureDesc& desc) {
    return axis(desc.height, desc.format.log2_chroma_h, vertical_site(desc.color.siting));
}

}  // namespace

ChromaPlan plan_chroma(const core::PictureDesc& source, const core::PictureDesc& output) {
    check_picture(source);
    const bool from_rgb = source.format.family == core::ColorFamily::rgb;
    const bool to_rgb = output.format.family == core::ColorFamily::rgb;
    ChromaPlan plan;
    plan.source = source;
    plan.codes = code_scale(source.format.depth, source.color.range);
    if (source.format.family == core::ColorFamily::gray) return plan;
    if (from_rgb) {
        check_matrix(output.color.matrix, "chroma of an RGB picture");
        plan.to_yuv = to_yuv(output.color.matrix);
    } else if (!to_rgb && source.color.matrix != output.color.matrix) {
        throw core::Error(
            core::ErrorCode::bad_input,
            fmt::format("chroma of a {} picture cannot be put beside {} luma: expected one matrix for both; "
                        "give the output the input's",
                        core::name(source.color.matrix), core::name(output.color.matrix)));
    }
    if (to_rgb) {
        const core::Matrix matrix = from_rgb ? output.color.matrix : source.color.matrix;
        check_matrix(matrix, "RGB of luma and chroma");
        plan.from_yuv = from_yuv(matrix);
    }
    plan.x = make_weights(Filter::bicubic, map_chroma(across(source), across(output)));
    plan.y = make_weights(Filter::bicubic, map_chroma(down(source), down(output)));
    return plan;
}

ChromaScaler::ChromaScaler(const RowKernels& kernels, const BorrowedChroma& chroma)
    : kernels_(kernels),
      plan_(chroma.plan),
      rows_(kernels, chroma.picture),
      width_(chroma.plan.x.first.size() - scratch_slack),
      source_{ScratchRow(static_cast<std::size_t>(chroma.picture.desc.width)),
              ScratchRow(static_cast<std::size_t>(chroma.picture.desc.width))},
      green_(static_cast<std::size_t>(chroma.picture.desc.width)),
      inputs_(static_cast<std::size_t>(chroma.plan.y.taps)),
      weights_(inputs_.size()) {
    kept_.reserve(inputs_.size());
    for (std::size_t k = 0; k < inputs_.size(); ++k) kept_.push_back({ScratchRow(width_), ScratchRow(width_)});
}

void ChromaScaler::read_source(int y) {
    float* cb = source_.cb.data();
    float* cr = source_.cr.data();
    const CodeScale& codes = plan_.codes;
    const auto n = static_cast<std::size_t>(plan_.source.width);
    if (plan_.source.format.family == core::ColorFamily::rgb) {
        const Rows3 rgb{cr, green_.data(), cb};
        rows_.plane(0, y, rgb.a);
        rows_.plane(1, y, rgb.b);
        rows_.plane(2, y, rgb.c);
        for (float* row : {rgb.a, rgb.b, rgb.c}) kernels_.number(row, codes.luma_offset, codes.luma_step, row, n);
        kernels_.yuv_of_rgb(plan_.to_yuv, rgb, {green_.data(), cb, cr}, n);
        return;
    }
    rows_.chroma(y, cb, cr);
    kernels_.number(cb, codes.chroma_offset, codes.chroma_step, cb, n);
    kernels_.number(cr, codes.chroma_offset, codes.chroma_step, cr, n);
}

void ChromaScaler::read(int y) {
    read_source(y);
    Pair& out = kept_.at(static_cast<std::size_t>(y) % kept_.size());
    kernels_.resample(source_.cb.data(), plan_.x, out.cb.data(), width_);
    kernels_.resample(source_.cr.data(), plan_.x, out.cr.data(), width_);
}

void ChromaScaler::weigh(int first, ScratchRow Pair::* channel, float* out) {
    for (std::size_t k = 0; k < inputs_.size(); ++k) {
        inputs_[k] = (kept_.at((static_cast<std::size_t>(first) + k) % kept_.size()).*channel).data();
    }
    kernels_.weigh(inputs_, weights_, out, width_);
}

void ChromaScaler::row(int y, float* cb, float* cr) {
    const auto at = static_cast<std::size_t>(y);
    const int first = plan_.y.first[at];
    const int end = first + plan_.y.taps;
    for (int k = std::max(read_, first); k < end; ++k) read(k);
    read_ = end;
    for (std::size_t k = 0; k < weights_.size(); ++k) weights_[k] = plan_.y.weights[k * plan_.y.stride + at];
    weigh(first, &Pair::cb, cb);
    weigh(first, &Pair::cr, cr);
}

}  // namespace millrace::ops
