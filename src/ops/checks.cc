#include "ops/checks.h"

#include <fmt/format.h>

#include <cassert>
#include <cmath>

#include "core/error.h"

namespace millrace::ops {

namespace {

bool supported(const core::PixelFormat& format) {
    const bool depth = format.depth == 8 || format.depth == 10 || format.depth == 12;
    const bool subsampled = format.log2_chroma_w != 0 || format.log2_chroma_h != 0;
    if (format.family != core::ColorFamily::yuv) {
        return depth && !subsampled && format.packing == core::Packing::planar;
    }
    // 4:4:4, 4:2:2, 4:2:0.
    return depth && format.log2_chroma_w <= 1 && format.log2_chroma_h <= format.log2_chroma_w;
}

}  // namespace

void check_picture(const core::PictureDesc& desc) {
    assert(desc.width > 0 && desc.height > 0);
    assert(desc.color.range != core::Range::unspecified);
    assert((desc.format.log2_chroma_w == 0 && desc.format.log2_chroma_h == 0) ||
           desc.color.siting != core::ChromaSiting::unspecified);
    if (supported(desc.format)) return;
    throw core::Error(
        core::ErrorCode::bad_input,
        fmt::format("pixel format {} is not supported: expected 8, 10 or 12 bits, 4:2:0, 4:2:2, 4:4:4, gray "
                    "or planar RGB; convert the input first",
                    core::name(desc.format)));
}

void check_spec(const TensorSpec& spec) {
    assert(!spec.packing ||
           (spec.dtype == core::DType::float16 && (spec.channels == Channels::rgb || spec.channels == Channels::bgr)));
    if (spec.dtype != core::DType::float32 && spec.dtype != core::DType::float16) {
        throw core::Error(
            core::ErrorCode::usage,
            fmt::format("tensors of pictures are float32 or float16, not {}: export the model with a float "
                        "input and output",
                        core::name(spec.dtype)));
    }
    bool sound = std::isnormal(spec.white) && spec.white > 0.0F;
    for (const float deviation : spec.std) sound = sound && std::isnormal(deviation);
    for (const float mean : spec.mean) sound = sound && std::isfinite(mean);
    if (!sound) {
        throw core::Error(core::ErrorCode::usage, fmt::format("white must be above 0, std not 0 and mean finite; found "
                                                              "white {}, std {} {} {}, mean {} {} {}",
                                                              spec.white, spec.std[0], spec.std[1], spec.std[2],
                                                              spec.mean[0], spec.mean[1], spec.mean[2]));
    }
}

void check_matrix(core::Matrix matrix, const char* what) {
    if (core::is_convertible(matrix) && matrix != core::Matrix::identity) return;
    throw core::Error(
        core::ErrorCode::bad_input,
        fmt::format("{} needs a matrix among bt709, fcc, bt470bg, smpte170m, smpte240m and bt2020nc; found "
                    "{}: say which one the pictures have",
                    what, core::name(matrix)));
}

}  // namespace millrace::ops
