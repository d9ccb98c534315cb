// Random nets: as fused layers they give ONNX Runtime's numbers.

#include <gtest/gtest.h>
// After gtest.
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>

#include "infer/fused_models.h"
#include "infer/fused_parts.h"

namespace millrace::infer::fused {
namespace {

/// A value of the net in the making.
struct Known {
    std::string name;
    int channels = 3;
    int height = 1;
    int width = 1;
};

int any(int low, int high) { return *rc::gen::inRange(low, high + 1); }

template <class T>
T any_of(const std::vector<T>& choices) {
    return *rc::gen::elementOf(choices);
}

/// Whether a net has nodes that are not fused.
enum class Unknown { none, some };

class RandomNet {
  public:
    explicit RandomNet(Unknown unknown) : unknown_(unknown) {
        first_ = {"input", any_of<int>({1, 3}), any(1, 9), any(1, 9)};
        shape_ = {any_of<int>({1, 1, 3}), first_.channels, first_.height, first_.width};
        model_ = std::make_unique<ModelMaker>(Shape{-1, first_.channels, -1, -1});
        known_.push_back(first_);
        const int nodes = any(1, 30);
        for (int i = 0; i < nodes; ++i) known_.push_back(any_node());
        model_->output(known_.back().name);
        // Values that are read inside may be outputs too.
        for (int i = any(0, 2); i > 0; --i) {
            const Known& other = any_known();
            if (other.name != "input" && other.name != known_.back().name && outputs_.insert(other.name).second) {
                model_->output(other.name);
            }
        }
    }

    [[nodiscard]] std::string bytes() const { return model_->bytes(); }
    [[nodiscard]] const Shape& shape() const { return shape_; }

  private:
    /// More often the last, so that there are chains.
    const Known& any_known() { return any(0, 2) > 0 ? known_.back() : any_of_known(); }
    const Known& any_of_known() {
        return known_[static_cast<std::size_t>(any(0, static_cast<int>(known_.size()) - 1))];
    }

    Known any_node() {
        const Known from = any_known();
        if (unknown_ == Unknown::some && any(0, 3) == 0) return unknown(from);
        switch (any(0, 9)) {
            case 0:
            case 1:
                return conv(from);
            case 2:
                return transposed(from);
            case 3:
                return with_constant(from);
            case 4:
                return activation(from);
            case 5:
            case 6:
                return sum(from);
            case 7:
                return pool(from);
            case 8:
                return shuffle_or_resize(from);
            default:
                return concat(from);
        }
    }

    Known unknown(const Known& from) {
        if (any(0, 4) == 0) {
            // Pixel by pixel, in another order of dimensions.
            const std::string turned = model_->node("Transpose", {from.name}, "perm=0,2,3,1");
            const std::string soft = model_->node("Softmax", {turned}, "axis=3");
            return {model_->node("Transpose", {soft}, "perm=0,3,1,2"), from.channels, from.height, from.width};
        }
        if (any(0, 4) == 0) {
            const std::string largest = model_->node("TopK", {from.name, model_->integers({1})}, "axis=1");
            (void)model_->another_output();
            return {largest, 1, from.height, from.width};
        }
        const auto op = any_of<std::string>({"Elu", "Softmax", "Softsign", "Erf"});
        return {model_->node(op, {from.name}, op == "Softmax" ? "axis=1" : ""), from.channels, from.height, from.width};
    }

    Known conv(const Known& from) {
        const int kernel = any_of<int>({1, 3, 5});
        const int pad = any(0, kernel / 2);
        const int stride = any(1, 2);
        const int groups = any(0, 3) == 0 ? from.channels : 1;
        const int outs = groups * any(1, groups > 1 ? 2 : 8);
        const auto extent = [&](int in) { return (in + 2 * pad - kernel) / stride + 1; };
        if (std::min(from.height, from.width) + 2 * pad < kernel) return activation(from);
        const int ins = from.channels / groups;
        const std::string filter =
            model_->weights({outs, ins, kernel, kernel}, 1 / std::sqrt(1.0 * ins * kernel * kernel));
        std::vector<std::string> inputs{from.name, filter};
        if (any(0, 1) == 1) inputs.push_back(model_->weights({outs}));
        const std::string p = std::to_string(pad);
        const std::string s = std::to_string(stride);
        return {model_->node("Conv", inputs,
                             "pads=" + p + "," + p + "," + p + "," + p + " strides=" + s + "," + s +
                                 " group=" + std::to_string(groups)),
                outs, extent(from.height), extent(from.width)};
    }

    Known transposed(const Known& from) {
        if (from.height * from.width > 200) return activation(from);
        const int outs = any(1, 6);
        const std::string filter = model_->weights({from.channels, outs, 2, 2}, 1 / std::sqrt(1.0 * from.channels));
        return {model_->node("ConvTranspose", {from.name, filter}, "strides=2,2"), outs, from.height * 2,
                from.width * 2};
    }

    Known with_constant(const Known& from) {
        const auto op = any_of<std::string>({"Add", "Sub", "Mul", "Div", "PRelu", "BatchNormalization"});
        if (op == "BatchNormalization") {
            const std::int64_t c = from.channels;
            return {model_->node(op, {from.name, model_->weights_between({c}, 0.5, 1.5), model_->weights({c}),
                                      model_->weights({c}), model_->weights_between({c}, 0.5, 2)}),
                    from.channels, from.height, from.width};
        }
        const Shape constants = any(0, 1) == 0 ? Shape{} : Shape{from.channels, 1, 1};
        const std::string constant = model_->weights_between(constants, 0.5, 1.5);
        const bool first = op != "PRelu" && op != "Div" && any(0, 1) == 0;
        return {model_->node(op, {first ? constant : from.name, first ? from.name : constant}), from.channels,
                from.height, from.width};
    }

    Known activation(const Known& from) {
        const auto op = any_of<std::string>({"Relu", "LeakyRelu", "Sigmoid", "Tanh", "HardSwish", "Identity", "silu"});
        const std::string name = op == "silu" ? model_->node("Mul", {from.name, model_->node("Sigmoid", {from.name})})
                                              : model_->node(op, {from.name});
        return {name, from.channels, from.height, from.width};
    }

    /// Of two values that fit; of one and its mean where no other does.
    Known sum(const Known& from) {
        std::vector<std::string> fitting;
        for (const Known& other : known_) {
            const bool pixel = other.height == 1 && other.width == 1;
            const bool same = other.height == from.height && other.width == from.width;
            if ((pixel || same) && (other.channels == from.channels || other.channels == 1))
                fitting.push_back(other.name);
        }
        const std::string other = any(0, 4) == 0 ? model_->node("GlobalAveragePool", {from.name}) : any_of(fitting);
        const bool first = any(0, 1) == 0;
        // Products of products grow without bound.
        const auto op = any_of<std::string>({"Add", "Sub", "Mul"});
        const std::string limited = op == "Mul" ? model_->node("Sigmoid", {other}) : other;
        return {model_->node(op, {first ? limited : from.name, first ? from.name : limited}), from.channels,
                from.height, from.width};
    }

    Known pool(const Known& from) {
        const int stride = any(1, 2);
        const std::string s = std::to_string(stride);
        return {model_->node(any_of<std::string>({"MaxPool", "AveragePool"}), {from.name},
                             "kernel_shape=3,3 pads=1,1,1,1 strides=" + s + "," + s),
                from.channels, (from.height - 1) / stride + 1, (from.width - 1) / stride + 1};
    }

    Known shuffle_or_resize(const Known& from) {
        if (from.height * from.width > 200) return pool(from);
        if (from.channels % 4 == 0) {
            return {model_->node("DepthToSpace", {from.name}, any(0, 1) == 0 ? "blocksize=2 mode=CRD" : "blocksize=2"),
                    from.channels / 4, from.height * 2, from.width * 2};
        }
        return {twice(from.name), from.channels, from.height * 2, from.width * 2};
    }

    std::string twice(const std::string& name) {
        return model_->node("Resize", {name, "", model_->constant({4}, {1, 1, 2, 2})},
                            any_of<std::string>({"mode=linear", "mode=nearest",
                                                 "mode=linear "
                                                 "coordinate_transformation_mode=align_corners"}));
    }

    Known concat(const Known& from) {
        Known result{"", from.channels, from.height, from.width};
        std::vector<std::string> inputs{from.name};
        if (from.height % 2 == 0 && from.width % 2 == 0 && from.channels <= 20 && any(0, 1) == 0) {
            // What was made smaller and larger again, as in a U-Net.
            const std::string small = model_->node("MaxPool", {from.name}, "kernel_shape=2,2 strides=2,2");
            inputs.push_back(twice(small));
            result.channels += from.channels;
        }
        for (const Known& other : known_) {
            if (other.height != from.height || other.width != from.width || any(0, 2) > 0) continue;
            if (result.channels + other.channels > 40) continue;
            inputs.push_back(other.name);
            result.channels += other.channels;
        }
        result.name = model_->node("Concat", inputs, "axis=1");
        return result;
    }

    const Unknown unknown_;
    Known first_;
    Shape shape_;
    std::unique_ptr<ModelMaker> model_;
    std::vector<Known> known_;
    std::set<std::string> outputs_;
};

RC_GTEST_PROP(FusedProperty, RandomNetsGiveOnnxRuntimesNumbers, ()) {
    const RandomNet net(Unknown::none);
    RC_ASSERT(error_of_fused(net.bytes(), net.shape()) < close_enough());
}

RC_GTEST_PROP(FusedProperty, RandomNetsInPartsGiveOnnxRuntimesNumbers, ()) {
    const RandomNet net(Unknown::some);
    RC_ASSERT(error_of_parts(net.bytes(), net.shape(), any_of<double>({0, 0, 0, 2})) < 10 * close_enough());
    RC_ASSERT(!testing::Test::HasFailure());
}

}  // namespace
}  // namespace millrace::infer::fused
