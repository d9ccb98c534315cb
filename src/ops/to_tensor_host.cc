#include "ops/to_tensor_host.h"

#include <algorithm>
#include <vector>

#include "ops/color_reader.h"
#include "ops/row_kernels.h"

namespace millrace::ops {

namespace {

std::size_t extent(int n) { return static_cast<std::size_t>(n); }

// Writes runs of colour into a tensor: channel order, mean and deviation, element type, layout.
class TensorWriter {
  public:
    TensorWriter(const RowKernels& kernels, const ToTensorPlan& plan, const device::Tensor& tensor)
        : kernels_(kernels), plan_(plan), tensor_(tensor) {}

    /// n elements of each channel from column x of row y.
    void put(int x, int y, const Rows3& color, int n) const {
        const bool swapped = plan_.spec.channels == Channels::bgr;
        const Rows3 in = swapped ? Rows3{color.c, color.b, color.a} : color;
        const std::size_t at = extent(y) * extent(plan_.width) + extent(x);
        if (plan_.spec.dtype == core::DType::float16) {
            put(in, tensor_.as<std::uint16_t>(), at, extent(n));
        } else {
            put(in, tensor_.as<float>(), at, extent(n));
        }
    }

  private:
    void one(const float* in, std::size_t c, float* out, std::size_t n) const {
        kernels_.put32(in, plan_.element.scale.at(c), plan_.element.bias.at(c), out, n);
    }
    void one(const float* in, std::size_t c, std::uint16_t* out, std::size_t n) const {
        kernels_.put16(in, plan_.element.scale.at(c), plan_.element.bias.at(c), out, n);
    }
    void three(const Rows3& in, float* out, std::size_t n) const { kernels_.put32x3(in, plan_.element, out, n); }
    void three(const Rows3& in, std::uint16_t* out, std::size_t n) const {
        kernels_.put16x3(in, plan_.element, out, n);
    }

    template <class T>
    void put(const Rows3& in, T* out, std::size_t at, std::size_t n) const {
        if (plan_.spec.channels == Channels::luma) {
            one(in.a, 0, out + at, n);
        } else if (plan_.spec.layout == Layout::nhwc) {
            three(in, out + 3 * at, n);
        } else {
            const std::size_t plane = extent(plan_.width) * extent(plan_.height);
            one(in.a, 0, out + at, n);
            one(in.b, 1, out + plane + at, n);
            one(in.c, 2, out + 2 * plane + at, n);
        }
    }

    const RowKernels& kernels_;
    const ToTensorPlan& plan_;
    const device::Tensor& tensor_;
};

// Resamples the rows of a reader: across when a row is read, down from the rows that are kept.
class Resizer {
  public:
    Resizer(const RowKernels& kernels, const ToTensorPlan& plan, ColorReader& reader)
        : kernels_(kernels),
          plan_(plan),
          resize_(*plan.resize),
          reader_(reader),
          source_(plan.input.width),
          inputs_(extent(resize_.y.taps)),
          weights_(extent(resize_.y.taps)) {
        kept_.reserve(inputs_.size());
        for (std::size_t k = 0; k < inputs_.size(); ++k) kept_.emplace_back(resize_.placement.x.output);
    }

    void row(int y, const Rows3& out) {
        const int first = resize_.y.first[extent(y)];
        for (int k = std::max(read_, first); k < first + resize_.y.taps; ++k) read(k);
        read_ = first + resize_.y.taps;
        for (std::size_t k = 0; k < weights_.size(); ++k) {
            weights_[k] = resize_.y.weights[k * resize_.y.stride + extent(y)];
        }
        weigh(first, &Rows3::a, out);
        if (plan_.spec.channels == Channels::luma) return;
        weigh(first, &Rows3::b, out);
        weigh(first, &Rows3::c, out);
    }

  private:
    void read(int y) {
        const Rows3 in = source_.rows();
        const Rows3 out = kept_.at(extent(y) % kept_.size()).rows();
        const std::size_t n = extent(resize_.placement.x.output);
        reader_.row(y, in);
        kernels_.resample(in.a, resize_.x, out.a, n);
        if (plan_.spec.channels == Channels::luma) return;
        kernels_.resample(in.b, resize_.x, out.b, n);
        kernels_.resample(in.c, resize_.x, out.c, n);
    }

    void weigh(int first, float* Rows3::* channel, const Rows3& out) {
        for (std::size_t k = 0; k < inputs_.size(); ++k) {
            inputs_[k] = kept_.at((extent(first) + k) % kept_.size()).rows().*channel;
        }
        kernels_.weigh(inputs_, weights_, out.*channel, extent(resize_.placement.x.output));
    }

    const RowKernels& kernels_;
    const ToTensorPlan& plan_;
    const ResizePlan& resize_;
    ColorReader& reader_;
    ColorRow source_;
    std::vector<ColorRow> kept_;
    std::vector<const float*> inputs_;
    std::vector<float> weights_;
    int read_ = 0;
};

void write_bars(const ToTensorPlan& plan, const TensorWriter& writer) {
    const Placement& p = plan.resize->placement;
    ColorRow black(plan.width);
    if (plan.spec.channels == Channels::yuv) {
        std::fill_n(black.b.data(), plan.width, 0.5F);
        std::fill_n(black.c.data(), plan.width, 0.5F);
    }
    const int right = p.left + p.x.output;
    for (int y = 0; y < plan.height; ++y) {
        if (y < p.top || y >= p.top + p.y.output) {
            writer.put(0, y, black.rows(), plan.width);
        } else {
            if (p.left > 0) writer.put(0, y, black.rows(), p.left);
            if (right < plan.width) writer.put(right, y, black.rows(), plan.width - right);
        }
    }
}

// Not scaled; the last column and row are repeated where the tensor is larger than the picture.
void put_padded(const ToTensorPlan& plan, ColorReader& reader, const TensorWriter& writer) {
    const int picture_width = plan.input.width;
    ColorRow color(plan.width);
    for (int y = 0; y < plan.height; ++y) {
        if (y < plan.input.height) {
            reader.row(y, color.rows());
            for (ScratchRow* row : {&color.a, &color.b, &color.c}) {
                const float last = row->data()[picture_width - 1];
                std::fill_n(row->data() + picture_width, plan.width - picture_width, last);
            }
        }
        writer.put(0, y, color.rows(), plan.width);
    }
}

void put_rest(const RowKernels& kernels, const RgbElements& to, const Rows3& in, const RowSpan<float>& out) {
    kernels.put32(in.a, to.map.scale[0], to.map.bias[0], out.rows[0], out.n);
    kernels.put32(in.b, to.map.scale[1], to.map.bias[1], out.rows[1], out.n);
    kernels.put32(in.c, to.map.scale[2], to.map.bias[2], out.rows[2], out.n);
}

void put_rest(const RowKernels& kernels, const RgbElements& to, const Rows3& in, const RowSpan<std::uint16_t>& out) {
    kernels.put16(in.a, to.map.scale[0], to.map.bias[0], out.rows[0], out.n);
    kernels.put16(in.b, to.map.scale[1], to.map.bias[1], out.rows[1], out.n);
    kernels.put16(in.c, to.map.scale[2], to.map.bias[2], out.rows[2], out.n);
}

// The common way: R, G, B planes of halved chroma, each row in one pass.
template <class T, class Put>
void put_planes_with(Put put, const RowKernels& kernels, const ToTensorPlan& plan, ColorReader& reader, T* out) {
    const bool swapped = plan.spec.channels == Channels::bgr;
    RgbElements to{plan.from_yuv, plan.element};
    if (swapped) std::ranges::reverse(to.map.scale);
    if (swapped) std::ranges::reverse(to.map.bias);
    const std::size_t n = extent(plan.width);
    const std::size_t plane = n * extent(plan.height);
    ColorRow rest(plan.width);
    for (int y = 0; y < plan.height; ++y) {
        T* first = out + extent(y) * n;
        RowSpan<T> row{{first, first + plane, first + 2 * plane}, n};
        if (swapped) std::swap(row.rows[0], row.rows[2]);
        const LumaSamples luma = reader.luma(y);
        const HalfChroma chroma = reader.half_chroma(y);
        const std::size_t done = put(to, luma, chroma, row);
        if (done == n) continue;
        for (T*& channel : row.rows) channel += done;
        row.n = n - done;
        reader.rest(luma, chroma, done, rest.rows());
        put_rest(kernels, to, rest.rows(), row);
    }
}

void put_planes(const RowKernels& kernels, const ToTensorPlan& plan, ColorReader& reader,
                const device::Tensor& tensor) {
    if (plan.spec.dtype == core::DType::float16) {
        put_planes_with(kernels.rgb_put16, kernels, plan, reader, tensor.as<std::uint16_t>());
    } else {
        put_planes_with(kernels.rgb_put32, kernels, plan, reader, tensor.as<float>());
    }
}

}  // namespace

void to_tensor_host(const ToTensorPlan& plan, const device::Picture& picture, const device::Tensor& tensor) {
    const RowKernels& kernels = row_kernels();
    ColorReader reader(kernels, plan, picture);
    const TensorWriter writer(kernels, plan, tensor);
    const bool same_size = plan.width == plan.input.width && plan.height == plan.input.height;
    if (!plan.resize && same_size && reader.halves_chroma() && plan.spec.layout == Layout::nchw) {
        put_planes(kernels, plan, reader, tensor);
        return;
    }
    if (!plan.resize) {
        put_padded(plan, reader, writer);
        return;
    }
    const Placement& p = plan.resize->placement;
    write_bars(plan, writer);
    Resizer resizer(kernels, plan, reader);
    ColorRow color(p.x.output);
    for (int y = 0; y < p.y.output; ++y) {
        resizer.row(y, color.rows());
        writer.put(p.left, p.top + y, color.rows(), p.x.output);
    }
}

}  // namespace millrace::ops
