#include "ops/color_reader.h"

#include <algorithm>

namespace millrace::ops {

ColorReader::ColorReader(const RowKernels& kernels, const ToTensorPlan& plan, const device::Picture& picture)
    : kernels_(kernels),
      plan_(plan),
      rows_(kernels, picture),
      codes_(plan.input.width),
      n_(static_cast<std::size_t>(plan.input.width)) {
    const bool chroma = plan.spec.channels != Channels::luma && plan.input.format.family == core::ColorFamily::yuv;
    if (chroma) chroma_.emplace(kernels, picture);
}

bool ColorReader::halves_chroma() const {
    const bool rgb = plan_.spec.channels == Channels::rgb || plan_.spec.channels == Channels::bgr;
    return rgb && plan_.input.format.family == core::ColorFamily::yuv && plan_.input.format.log2_chroma_w == 1;
}

void ColorReader::row(int y, const Rows3& out) {
    switch (plan_.input.format.family) {
        case core::ColorFamily::yuv:
            from_yuv(y, out);
            break;
        case core::ColorFamily::gray:
            from_gray(y, out);
            break;
        case core::ColorFamily::rgb:
            from_rgb(y, out);
            break;
    }
}

void ColorReader::luma_number(int plane, int y, float* out) {
    rows_.plane(plane, y, out);
    kernels_.number(out, plan_.codes.luma_offset, plan_.codes.luma_step, out, n_);
}

void ColorReader::chroma_number(float* row) {
    kernels_.number(row, plan_.codes.chroma_offset, plan_.codes.chroma_step, row, n_);
    kernels_.shift(row, 0.5F, row, n_);
}

void ColorReader::from_yuv(int y, const Rows3& out) {
    if (plan_.spec.channels == Channels::luma) {
        luma_number(0, y, out.a);
        return;
    }
    if (plan_.spec.channels == Channels::yuv) {
        luma_number(0, y, out.a);
        chroma_->row(y, out.b, out.c);
        chroma_number(out.b);
        chroma_number(out.c);
        return;
    }
    rgb_from_yuv(y, out);
}

void ColorReader::rgb_from_yuv(int y, const Rows3& out) {
    if (halves_chroma()) {
        const LumaSamples samples = luma(y);
        const HalfChroma chroma = half_chroma(y);
        const std::size_t done = kernels_.rgb_keep(plan_.from_yuv, samples, chroma, {{out.a, out.b, out.c}, n_});
        if (done < n_) rest(samples, chroma, done, {out.a + done, out.b + done, out.c + done});
        return;
    }
    const Rows3 codes = codes_.rows();
    rows_.plane(0, y, codes.a);
    chroma_->row(y, codes.b, codes.c);
    kernels_.rgb_of_yuv(plan_.from_yuv, codes, out, n_);
}

void ColorReader::rest(const LumaSamples& luma, const HalfChroma& chroma, std::size_t from, const Rows3& out) {
    const Rows3 codes = codes_.rows();
    const std::size_t n = n_ - from;
    if (luma.narrow != nullptr) {
        kernels_.widen8(luma.narrow + from, codes.a, n);
    } else {
        kernels_.widen16(luma.wide + from, luma.shift, codes.a, n);
    }
    kernels_.upsample(chroma.cb + from / 2, chroma.site, codes.b, (n + 1) / 2);
    kernels_.upsample(chroma.cr + from / 2, chroma.site, codes.c, (n + 1) / 2);
    kernels_.rgb_of_yuv(plan_.from_yuv, codes, out, n);
}

void ColorReader::from_gray(int y, const Rows3& out) {
    luma_number(0, y, out.a);
    if (plan_.spec.channels == Channels::luma) return;
    if (plan_.spec.channels == Channels::yuv) {
        std::fill_n(out.b, n_, 0.5F);
        std::fill_n(out.c, n_, 0.5F);
        return;
    }
    std::copy_n(out.a, n_, out.b);
    std::copy_n(out.a, n_, out.c);
}

void ColorReader::from_rgb(int y, const Rows3& out) {
    const bool direct = plan_.spec.channels == Channels::rgb || plan_.spec.channels == Channels::bgr;
    const Rows3 rgb = direct ? out : codes_.rows();
    luma_number(0, y, rgb.a);
    luma_number(1, y, rgb.b);
    luma_number(2, y, rgb.c);
    if (direct) return;
    const bool luma = plan_.spec.channels == Channels::luma;
    const Rows3 yuv = luma ? Rows3{out.a, rgb.b, rgb.c} : out;
    kernels_.yuv_of_rgb(plan_.to_yuv, rgb, yuv, n_);
    if (luma) return;
    kernels_.shift(out.b, 0.5F, out.b, n_);
    kernels_.shift(out.c, 0.5F, out.c, n_);
}

}  // namespace millrace::ops
