#include "infer/fused_reference.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <stdexcept>

namespace millrace::infer::fused {
namespace {

/// A value's elements with its extents.
struct Picture {
    int batch = 0;
    Value size;
    Elements elements;

    Picture() = default;
    Picture(int frames, const Value& value)
        : batch(frames),
          size(value),
          elements(static_cast<std::size_t>(frames) * static_cast<std::size_t>(value.channels) *
                   static_cast<std::size_t>(value.height) * static_cast<std::size_t>(value.width)) {}

    [[nodiscard]] std::size_t index(int n, int c, int y, int x) const {
        const auto row = (static_cast<std::int64_t>(n) * size.channels + c) * size.height + y;
        return static_cast<std::size_t>(row * size.width + x);
    }
    [[nodiscard]] double at(int n, int c, int y, int x) const { return elements.at(index(n, c, y, x)); }
    double& at(int n, int c, int y, int x) { return elements.at(index(n, c, y, x)); }
    [[nodiscard]] bool holds(int y, int x) const { return y >= 0 && x >= 0 && y < size.height && x < size.width; }
};

template <class Use>
void for_each(const Picture& picture, Use use) {
    for (int n = 0; n < picture.batch; ++n) {
        for (int c = 0; c < picture.size.channels; ++c) {
            for (int y = 0; y < picture.size.height; ++y) {
                for (int x = 0; x < picture.size.width; ++x) use(n, c, y, x);
            }
        }
    }
}

void require(bool condition, const char* what) {
    EXPECT_TRUE(condition) << what;
    if (!condition) throw std::runtime_error(what);
}

/// Runs a layer's root into `out`.
struct Rooted {
    const std::vector<Picture>& inputs;
    Picture& out;

    [[nodiscard]] const Picture& in() const { return inputs.at(0); }

    void operator()(const Identity& /*root*/) const {
        require(in().size == out.size, "Identity keeps the size");
        out.elements = in().elements;
    }

    void operator()(const Concat& root) const {
        require(root.resizes.empty() || root.resizes.size() == inputs.size(), "a resizing for each input, or none");
        int from = 0;
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            const bool resizes = !root.resizes.empty() && root.resizes[i];
            const Picture one = resizes ? resized(*root.resizes[i], inputs[i]) : inputs[i];
            require(one.size.height == out.size.height && one.size.width == out.size.width, "Concat of one size");
            for_each(one, [&](int n, int c, int y, int x) { out.at(n, from + c, y, x) = one.at(n, c, y, x); });
            from += one.size.channels;
        }
        require(from == out.size.channels, "Concat adds channels up");
    }

    void operator()(const Border& border) const {
        const auto place = [&](int at, int before, int extent) {
            const int from = at - before;
            if (border.kind == Border::Kind::reflect) {
                return from < 0 ? -from : from < extent ? from : 2 * (extent - 1) - from;
            }
            return border.kind == Border::Kind::edge ? std::clamp(from, 0, extent - 1) : from;
        };
        const auto& [channels, height, width] = in().size;
        require(out.size == Value{channels, height + border.pads.top + border.pads.bottom,
                                  width + border.pads.left + border.pads.right},
                "a border's size");
        for_each(out, [&](int n, int c, int y, int x) {
            const int v = place(y, border.pads.top, in().size.height);
            const int u = place(x, border.pads.left, in().size.width);
            out.at(n, c, y, x) = in().holds(v, u) ? in().at(n, c, v, u) : 0;
        });
    }

    void operator()(const DepthToSpace& root) const {
        const int b = root.block;
        require(out.size.channels * b * b == in().size.channels && out.size.height == in().size.height * b &&
                    out.size.width == in().size.width * b,
                "DepthToSpace");
        for_each(out, [&](int n, int c, int y, int x) {
            const int place = y % b * b + x % b;
            const int channel = root.columns_last ? c * b * b + place : place * out.size.channels + c;
            out.at(n, c, y, x) = in().at(n, channel, y / b, x / b);
        });
    }

    void operator()(const Convolution& conv) const {
        require(conv.out_channels == out.size.channels, "the convolution's channels are its value's");
        require(conv.weights.size() == static_cast<std::size_t>(conv.out_channels) *
                                           static_cast<std::size_t>(in().size.channels / conv.groups) *
                                           static_cast<std::size_t>(conv.kernel.y * conv.kernel.x),
                "number of weights");
        if (conv.transposed) {
            scatter(conv);
        } else {
            collect(conv);
        }
    }

    void operator()(const Pooling& pool) const {
        require(out.size.channels == in().size.channels, "Pooling keeps channels");
        for_each(out, [&](int n, int c, int y, int x) { out.at(n, c, y, x) = pooled(pool, n, c, y, x); });
    }

    void operator()(const Resize& resize) const {
        require(out.size.channels == in().size.channels, "Resize keeps channels");
        for_each(out, [&](int n, int c, int y, int x) {
            const double v = position(resize, y, in().size.height, out.size.height);
            const double u = position(resize, x, in().size.width, out.size.width);
            out.at(n, c, y, x) = resize.kind == Resize::Kind::nearest
                                     ? clamped(n, c, rounded(resize, v), rounded(resize, u))
                                     : bilinear(n, c, v, u);
        });
    }

  private:
    /// To the output's size.
    [[nodiscard]] Picture resized(const Resize& resize, const Picture& picture) const {
        Picture result(picture.batch, {picture.size.channels, out.size.height, out.size.width});
        const std::vector<Picture> alone{picture};
        Rooted{alone, result}(resize);
        return result;
    }

    void collect(const Convolution& conv) const {
        const auto ends_in_padding = [](int from, int to, const std::array<int, 5>& line) {
            const auto [kernel, stride, dilation, before, behind] = line;
            return (to - 1) * stride - before + (kernel - 1) * dilation < from + behind;
        };
        const auto& [top, left, bottom, right] = conv.pads;
        require(ends_in_padding(in().size.height, out.size.height,
                                {conv.kernel.y, conv.stride.y, conv.dilation.y, top, bottom}) &&
                    ends_in_padding(in().size.width, out.size.width,
                                    {conv.kernel.x, conv.stride.x, conv.dilation.x, left, right}),
                "a convolution's last window ends in its padding");
        for_each(out, [&](int n, int c, int y, int x) { out.at(n, c, y, x) = collected(conv, n, c, y, x); });
    }

    [[nodiscard]] double collected(const Convolution& conv, int n, int c, int y, int x) const {
        const int ins = in().size.channels / conv.groups;
        const int first = c / (conv.out_channels / conv.groups) * ins;
        const float* weight =
            conv.weights.data() + static_cast<std::ptrdiff_t>(c) * ins * conv.kernel.y * conv.kernel.x;
        const Picture& picture = in();
        const double* elements = picture.elements.data();
        double sum = 0;
        for (int i = 0; i < ins; ++i) {
            for (int ky = 0; ky < conv.kernel.y; ++ky) {
                const int v = y * conv.stride.y - conv.pads.top + ky * conv.dilation.y;
                for (int kx = 0; kx < conv.kernel.x; ++kx, ++weight) {
                    const int u = x * conv.stride.x - conv.pads.left + kx * conv.dilation.x;
                    if (picture.holds(v, u)) sum += double{*weight} * elements[picture.index(n, first + i, v, u)];
                }
            }
        }
        return sum;
    }

    void scatter(const Convolution& conv) const {
        const int ins = in().size.channels / conv.groups;
        const int outs = conv.out_channels / conv.groups;
        const auto extent = [](int from, int stride, int kernel, int dilation, int pads) {
            return stride * (from - 1) + (kernel - 1) * dilation + 1 - pads;
        };
        require(out.size.height == extent(in().size.height, conv.stride.y, conv.kernel.y, conv.dilation.y,
                                          conv.pads.top + conv.pads.bottom) &&
                    out.size.width == extent(in().size.width, conv.stride.x, conv.kernel.x, conv.dilation.x,
                                             conv.pads.left + conv.pads.right),
                "a transposed convolution's size follows from its padding");
        for_each(in(), [&](int n, int c, int y, int x) {
            std::size_t weight =
                static_cast<std::size_t>(c) * static_cast<std::size_t>(outs * conv.kernel.y * conv.kernel.x);
            for (int o = 0; o < outs; ++o) {
                for (int ky = 0; ky < conv.kernel.y; ++ky) {
                    for (int kx = 0; kx < conv.kernel.x; ++kx, ++weight) {
                        const int v = y * conv.stride.y - conv.pads.top + ky * conv.dilation.y;
                        const int u = x * conv.stride.x - conv.pads.left + kx * conv.dilation.x;
                        if (!out.holds(v, u)) continue;
                        out.at(n, c / ins * outs + o, v, u) += double{conv.weights[weight]} * in().at(n, c, y, x);
                    }
                }
            }
        });
    }

    [[nodiscard]] double pooled(const Pooling& pool, int n, int c, int y, int x) const {
        double sum = 0;
        double largest = -std::numeric_limits<double>::infinity();
        int count = 0;
        int padded = 0;
        for (int ky = 0; ky < pool.kernel.y; ++ky) {
            for (int kx = 0; kx < pool.kernel.x; ++kx) {
                const int v = y * pool.stride.y - pool.pads.top + ky;
                const int u = x * pool.stride.x - pool.pads.left + kx;
                if (v < in().size.height + pool.pads.bottom && u < in().size.width + pool.pads.right) ++padded;
                if (!in().holds(v, u)) continue;
                ++count;
                sum += in().at(n, c, v, u);
                largest = std::max(largest, in().at(n, c, v, u));
            }
        }
        if (pool.kind == Pooling::Kind::max) return largest;
        return sum / (pool.kind == Pooling::Kind::average ? count : padded);
    }

    static double position(const Resize& resize, int at, int in, int out) {
        const double scale = static_cast<double>(in) / out;
        switch (resize.coordinates) {
            case Resize::Coordinates::half_pixel:
                return (at + 0.5) * scale - 0.5;
            case Resize::Coordinates::asymmetric:
                return at * scale;
            case Resize::Coordinates::corners:
                break;
        }
        return out == 1 ? 0 : static_cast<double>(at) * (in - 1) / (out - 1);
    }

    static int rounded(const Resize& resize, double position) {
        switch (resize.rounding) {
            case Resize::Rounding::floor:
                return static_cast<int>(std::floor(position));
            case Resize::Rounding::ceil:
                return static_cast<int>(std::ceil(position));
            case Resize::Rounding::half_down:
                return static_cast<int>(std::ceil(position - 0.5));
            case Resize::Rounding::half_up:
                break;
        }
        return static_cast<int>(std::floor(position + 0.5));
    }

    [[nodiscard]] double clamped(int n, int c, int y, int x) const {
        return in().at(n, c, std::clamp(y, 0, in().size.height - 1), std::clamp(x, 0, in().size.width - 1));
    }

    [[nodiscard]] double bilinear(int n, int c, double v, double u) const {
        const int y = static_cast<int>(std::floor(v));
        const int x = static_cast<int>(std::floor(u));
        const double above = (1 - (u - x)) * clamped(n, c, y, x) + (u - x) * clamped(n, c, y, x + 1);
        const double below = (1 - (u - x)) * clamped(n, c, y + 1, x) + (u - x) * clamped(n, c, y + 1, x + 1);
        return (1 - (v - y)) * above + (v - y) * below;
    }
};

double sigmoid(double v) { return 1 / (1 + std::exp(-v)); }

double stepped(const Pointwise& step, double v, double other) {
    switch (step.kind) {
        case Pointwise::Kind::add:
            return v + other;
        case Pointwise::Kind::multiply:
            return v * other;
        case Pointwise::Kind::prelu:
            return v < 0 ? v * other : v;
        case Pointwise::Kind::clip:
            return std::min(std::max(v, double{step.low}), double{step.high});
        case Pointwise::Kind::sigmoid:
            return sigmoid(v);
        case Pointwise::Kind::silu:
            return v * sigmoid(v);
        case Pointwise::Kind::tanh:
            break;
    }
    return std::tanh(v);
}

bool takes_constants(const Pointwise& step) {
    using Kind = Pointwise::Kind;
    return step.value < 0 && (step.kind == Kind::add || step.kind == Kind::multiply || step.kind == Kind::prelu);
}

class Interpreter {
  public:
    explicit Interpreter(const Net& net) : net_(net), pictures_(net.values.size()), written_(net.values.size()) {}

    Interpretation run(const std::vector<Elements>& inputs) {
        require(inputs.size() == net_.inputs.size(), "one tensor for each input");
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            Picture& picture = begin(net_.inputs[i].value);
            require(picture.elements.size() == inputs[i].size(), "an input's size");
            picture.elements = inputs[i];
        }
        for (const Layer& layer : net_.layers) run(layer);
        Interpretation result{{}, largest_};
        for (const NetPort& port : net_.outputs) result.outputs.push_back(read(port.value).elements);
        return result;
    }

  private:
    Picture& begin(int value) {
        const auto at = static_cast<std::size_t>(value);
        require(!written_.at(at), "a value is written once");
        written_[at] = true;
        pictures_[at] = Picture(net_.batch, net_.values[at]);
        return pictures_[at];
    }

    const Picture& read(int value) {
        require(written_.at(static_cast<std::size_t>(value)), "a value is written before it is read");
        return pictures_[static_cast<std::size_t>(value)];
    }

    void run(const Layer& layer) {
        SCOPED_TRACE(layer.name);
        std::vector<Picture> inputs;
        for (const int input : layer.inputs) inputs.push_back(read(input));
        require(inputs.size() == 1 || std::holds_alternative<Concat>(layer.root), "one input");
        for (const Pointwise& step : layer.pointwise) {
            if (step.value >= 0) (void)read(step.value);
        }
        Picture& out = begin(layer.output);
        std::visit(Rooted{inputs, out}, layer.root);
        note(out);
        for (const Pointwise& step : layer.pointwise) {
            run(step, out);
            note(out);
        }
    }

    void note(const Picture& picture) {
        for (const double one : picture.elements) largest_ = std::max(largest_, std::abs(one));
    }

    void run(const Pointwise& step, Picture& out) {
        if (step.value >= 0) {
            const Picture& other = read(step.value);
            const bool pixel = other.size.height == 1 && other.size.width == 1;
            require(other.size.channels == out.size.channels && (pixel || other.size == out.size), "a step's value");
            require(step.constants.empty(), "a value or constants");
            for_each(out, [&](int n, int c, int y, int x) {
                double& v = out.at(n, c, y, x);
                v = stepped(step, v, pixel ? other.at(n, c, 0, 0) : other.at(n, c, y, x));
            });
            return;
        }
        const std::size_t count = step.constants.size();
        require(takes_constants(step) ? count == 1 || count == static_cast<std::size_t>(out.size.channels) : count == 0,
                "number of constants");
        for_each(out, [&](int n, int c, int y, int x) {
            double& v = out.at(n, c, y, x);
            v = stepped(step, v, count == 0 ? 0 : double{step.constants[count == 1 ? 0 : static_cast<std::size_t>(c)]});
        });
    }

    const Net& net_;
    std::vector<Picture> pictures_;
    std::vector<bool> written_;
    double largest_ = 0;
};

}  // namespace

Interpretation interpret(const Net& net, const std::vector<Elements>& inputs) { return Interpreter(net).run(inputs); }

}  // namespace millrace::infer::fused
