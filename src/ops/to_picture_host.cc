#include "ops/to_picture_host.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "ops/chroma_scaler.h"
#include "ops/picture_writer.h"

namespace millrace::ops {

namespace {

std::size_t extent(int n) { return static_cast<std::size_t>(n); }

// Rows of a tensor as colour, channels in the order R, G, B or Y', Cb, Cr.
class TensorReader {
  public:
    TensorReader(const RowKernels& kernels, const ToPicturePlan& plan, const device::Tensor& tensor)
        : kernels_(kernels), plan_(plan), tensor_(tensor), to_yuv_{plan.to_yuv, plan.color} {
        if (plan.spec.channels != Channels::bgr) return;
        std::ranges::reverse(to_yuv_.map.scale);
        std::ranges::reverse(to_yuv_.map.bias);
    }

    /// The first `output.width` elements of row `y`.
    void row(int y, const Rows3& out) {
        const bool swapped = plan_.spec.channels == Channels::bgr;
        const Rows3 rows = swapped ? Rows3{out.c, out.b, out.a} : out;
        const std::size_t at = extent(y) * extent(plan_.tensor_width);
        if (plan_.spec.dtype == core::DType::float16) {
            get(tensor_.as<std::uint16_t>(), at, rows);
        } else {
            get(tensor_.as<float>(), at, rows);
        }
    }

    /// The same as Y', Cb, Cr in one pass: for planes of R, G, B elements alone.
    void yuv_row(int y, const Rows3& out) {
        const std::size_t at = extent(y) * extent(plan_.tensor_width);
        if (plan_.spec.dtype == core::DType::float16) {
            nan_ += kernels_.yuv_get16(to_yuv_, planes(tensor_.as<const std::uint16_t>() + at), out);
        } else {
            nan_ += kernels_.yuv_get32(to_yuv_, planes(tensor_.as<const float>() + at), out);
        }
    }

    [[nodiscard]] std::int64_t nan_count() const { return static_cast<std::int64_t>(nan_); }

  private:
    void one(const float* in, std::size_t c, float* out) {
        nan_ += kernels_.get32(in, plan_.color.scale.at(c), plan_.color.bias.at(c), out, extent(plan_.output.width));
    }
    void one(const std::uint16_t* in, std::size_t c, float* out) {
        nan_ += kernels_.get16(in, plan_.color.scale.at(c), plan_.color.bias.at(c), out, extent(plan_.output.width));
    }
    void three(const float* in, const Rows3& out) {
        nan_ += kernels_.get32x3(in, plan_.color, out, extent(plan_.output.width));
    }
    void three(const std::uint16_t* in, const Rows3& out) {
        nan_ += kernels_.get16x3(in, plan_.color, out, extent(plan_.output.width));
    }

    template <class T>
    [[nodiscard]] RowSpan<const T> planes(const T* in) const {
        const std::size_t plane = extent(plan_.tensor_width) * extent(plan_.tensor_height);
        RowSpan<const T> span{{in, in + plane, in + 2 * plane}, extent(plan_.output.width)};
        if (plan_.spec.channels == Channels::bgr) std::swap(span.rows[0], span.rows[2]);
        return span;
    }

    template <class T>
    void get(const T* in, std::size_t at, const Rows3& out) {
        if (plan_.spec.channels == Channels::luma) {
            one(in + at, 0, out.a);
        } else if (plan_.spec.layout == Layout::nhwc) {
            three(in + 3 * at, out);
        } else {
            const std::size_t plane = extent(plan_.tensor_width) * extent(plan_.tensor_height);
            one(in + at, 0, out.a);
            one(in + plane + at, 1, out.b);
            one(in + 2 * plane + at, 2, out.c);
        }
    }

    const RowKernels& kernels_;
    const ToPicturePlan& plan_;
    const device::Tensor& tensor_;
    YuvOfElements to_yuv_;
    std::size_t nan_ = 0;
};

// Writes colour rows of a tensor as rows of the output's family.
class Converter {
  public:
    Converter(const RowKernels& kernels, const ToPicturePlan& plan, const BorrowedChroma* chroma,
              const device::Picture& picture)
        : kernels_(kernels),
          plan_(plan),
          chroma_(chroma),
          writer_(kernels, plan.codes, picture),
          cb_(n_),
          cr_(n_),
          luma_(n_) {
        if (chroma != nullptr) scaler_.emplace(kernels, *chroma);
        if (plan.output.format.family == core::ColorFamily::yuv) down_.emplace(kernels, writer_, plan.output);
    }

    /// A row that is Y', Cb, Cr already; its slack is overwritten.
    void yuv_row(int y, const Rows3& yuv) {
        writer_.luma(0, y, yuv.a);
        down_->put(y, yuv.b, yuv.c);
    }

    void row(int y, const Rows3& color) {
        switch (plan_.output.format.family) {
            case core::ColorFamily::rgb:
                to_rgb(y, color);
                break;
            case core::ColorFamily::gray:
                writer_.luma(0, y, yuv_of(color).a);
                break;
            case core::ColorFamily::yuv: {
                const Rows3 yuv = yuv_of(color);
                writer_.luma(0, y, yuv.a);
                if (plan_.spec.channels != Channels::luma) down_->put(y, yuv.b, yuv.c);
                break;
            }
        }
    }

    /// Chroma planes that do not come from the tensor: borrowed, or neutral.
    void write_own_chroma() {
        if (plan_.output.format.family != core::ColorFamily::yuv || plan_.spec.channels != Channels::luma) return;
        for (int y = 0; y < core::plane_rows(plan_.output, 1); ++y) {
            if (scaler_) scaler_->row(y, cb_.data(), cr_.data());
            writer_.chroma(y, cb_.data(), cr_.data());
        }
    }

  private:
    Rows3 yuv_of(const Rows3& color) {
        switch (plan_.spec.channels) {
            case Channels::luma:
                return {color.a, cb_.data(), cr_.data()};
            case Channels::yuv:
                kernels_.shift(color.b, -0.5F, cb_.data(), n_);
                kernels_.shift(color.c, -0.5F, cr_.data(), n_);
                return {color.a, cb_.data(), cr_.data()};
            case Channels::rgb:
            case Channels::bgr:
                break;
        }
        const Rows3 yuv{luma_.data(), cb_.data(), cr_.data()};
        kernels_.yuv_of_rgb(plan_.to_yuv, color, yuv, n_);
        return yuv;
    }

    void to_rgb(int y, const Rows3& color) {
        Rows3 rgb = color;
        if (plan_.spec.channels == Channels::yuv) {
            kernels_.rgb_of_yuv(plan_.from_yuv, yuv_of(color), color, n_);
        } else if (plan_.spec.channels == Channels::luma && scaler_) {
            scaler_->row(y, cb_.data(), cr_.data());
            kernels_.rgb_of_yuv(chroma_->plan.from_yuv, {color.a, cb_.data(), cr_.data()}, color, n_);
        } else if (plan_.spec.channels == Channels::luma) {
            rgb = {color.a, color.a, color.a};
        }
        writer_.luma(0, y, rgb.a);
        writer_.luma(1, y, rgb.b);
        writer_.luma(2, y, rgb.c);
    }

    const RowKernels& kernels_;
    const ToPicturePlan& plan_;
    const BorrowedChroma* chroma_;
    PictureWriter writer_;
    std::size_t n_ = extent(plan_.output.width);
    ScratchRow cb_;
    ScratchRow cr_;
    ScratchRow luma_;
    std::optional<ChromaScaler> scaler_;
    std::optional<ChromaDown> down_;
};

}  // namespace

std::int64_t to_picture_host(const ToPicturePlan& plan, const device::Tensor& tensor, const BorrowedChroma* chroma,
                             const device::Picture& picture) {
    const RowKernels& kernels = row_kernels();
    TensorReader reader(kernels, plan, tensor);
    const bool gray = chroma != nullptr && chroma->plan.source.format.family == core::ColorFamily::gray;
    Converter converter(kernels, plan, gray ? nullptr : chroma, picture);
    const std::size_t n = extent(plan.output.width);
    ScratchRow a(n);
    ScratchRow b(n);
    ScratchRow c(n);
    const Rows3 color{a.data(), b.data(), c.data()};
    const bool rgb = plan.spec.channels == Channels::rgb || plan.spec.channels == Channels::bgr;
    const bool direct = rgb && plan.spec.layout == Layout::nchw && plan.output.format.family == core::ColorFamily::yuv;
    for (int y = 0; y < plan.output.height; ++y) {
        if (direct) {
            reader.yuv_row(y, color);
            converter.yuv_row(y, color);
        } else {
            reader.row(y, color);
            converter.row(y, color);
        }
    }
    converter.write_own_chroma();
    return reader.nan_count();
}

}  // namespace millrace::ops
