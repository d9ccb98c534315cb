#include "infer/fused/cuda/convolution.h"

#include <cudnn_frontend.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <unordered_map>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "infer/fused/cuda/tile_plan.h"

namespace millrace::infer::fused::cuda {
namespace {

namespace fe = cudnn_frontend;
using core::Error;
using core::ErrorCode;
using TensorPtr = std::shared_ptr<fe::graph::Tensor_attributes>;

// Names of tensors within a graph; operands count from the last on.
constexpr std::int64_t input_uid = 1;
constexpr std::int64_t weights_uid = 2;
constexpr std::int64_t output_uid = 3;
constexpr std::int64_t first_operand_uid = 4;

void check(const fe::error_t& result, const char* doing) {
    if (result.is_good()) return;
    throw Error(ErrorCode::failed, fmt::format("cuDNN cannot {} a convolution: {}", doing, result.err_msg));
}

/// Dimensions as cuDNN counts them, N, C, H, W, with channels innermost in memory.
fe::graph::Tensor_attributes described(std::int64_t uid, int batch, const Value& shape) {
    const std::int64_t c = shape.channels;
    const std::int64_t h = shape.height;
    const std::int64_t w = shape.width;
    return fe::graph::Tensor_attributes()
        .set_uid(uid)
        .set_dim({batch, c, h, w})
        .set_stride({c * h * w, 1, c * w, c})
        .set_data_type(fe::DataType_t::HALF);
}

/// A graph in the making.
class Builder {
  public:
    explicit Builder(const ConvolutionSite& site) : site_(site), graph_(std::make_shared<fe::graph::Graph>()) {
        graph_->set_io_data_type(fe::DataType_t::HALF)
            .set_intermediate_data_type(fe::DataType_t::FLOAT)
            .set_compute_data_type(fe::DataType_t::FLOAT);
    }

    std::shared_ptr<fe::graph::Graph> build() {
        TensorPtr value = convolve();
        for (const Pointwise& step : site_.pointwise) value = apply(step, value);
        const Value& out = site_.output;
        const std::int64_t c = out.channels;
        value->set_output(true)
            .set_uid(output_uid)
            .set_data_type(fe::DataType_t::HALF)
            .set_dim({site_.batch, c, out.height, out.width})
            .set_stride({c * out.height * out.width, 1, c * out.width, c});
        return graph_;
    }

  private:
    TensorPtr convolve() {
        const Convolution& conv = site_.convolution;
        const TensorPtr image = graph_->tensor(described(input_uid, site_.batch, site_.input));
        const int from = conv.transposed ? site_.output.channels : site_.input.channels;
        const int to = conv.transposed ? site_.input.channels : site_.output.channels;
        const TensorPtr weights = graph_->tensor(described(weights_uid, to, {from, conv.kernel.y, conv.kernel.x}));
        if (conv.transposed) return transpose(image, weights);
        return graph_->conv_fprop(image, weights,
                                  fe::graph::Conv_fprop_attributes()
                                      .set_pre_padding({conv.pads.top, conv.pads.left})
                                      .set_post_padding({conv.pads.bottom, conv.pads.right})
                                      .set_stride({conv.stride.y, conv.stride.x})
                                      .set_dilation({conv.dilation.y, conv.dilation.x}));
    }

    /// The gradient of a convolution by its input, from which the transposed one has its name. The result's size says
    /// what negative padding would.
    TensorPtr transpose(const TensorPtr& image, const TensorPtr& weights) {
        const Convolution& conv = site_.convolution;
        TensorPtr result =
            graph_->conv_dgrad(image, weights,
                               fe::graph::Conv_dgrad_attributes()
                                   .set_pre_padding({conv.pads.top, conv.pads.left})
                                   .set_post_padding({std::max(conv.pads.bottom, 0), std::max(conv.pads.right, 0)})
                                   .set_stride({conv.stride.y, conv.stride.x})
                                   .set_dilation({conv.dilation.y, conv.dilation.x}));
        result->set_dim({site_.batch, site_.output.channels, site_.output.height, site_.output.width});
        return result;
    }

    TensorPtr operand() {
        const ConvolutionOperand& operand = site_.operands[operands_];
        const auto uid = first_operand_uid + static_cast<std::int64_t>(operands_++);
        return graph_->tensor(described(uid, operand.batch, operand.shape));
    }

    TensorPtr combine(fe::PointwiseMode_t mode, const TensorPtr& a, const TensorPtr& b) {
        return graph_->pointwise(a, b, fe::graph::Pointwise_attributes().set_mode(mode));
    }
    TensorPtr map(fe::PointwiseMode_t mode, const TensorPtr& a) {
        return graph_->pointwise(a, fe::graph::Pointwise_attributes().set_mode(mode));
    }

    TensorPtr apply(const Pointwise& step, const TensorPtr& value) {
        using Mode = fe::PointwiseMode_t;
        switch (step.kind) {
            case Pointwise::Kind::add:
                return combine(Mode::ADD, value, operand());
            case Pointwise::Kind::multiply:
                return combine(Mode::MUL, value, operand());
            case Pointwise::Kind::prelu:
                return prelu(value, operand());
            case Pointwise::Kind::clip:
                return clip(step, value);
            case Pointwise::Kind::sigmoid:
                return map(Mode::SIGMOID_FWD, value);
            case Pointwise::Kind::silu:
                return map(Mode::SWISH_FWD, value);
            case Pointwise::Kind::tanh:
                return map(Mode::TANH_FWD, value);
        }
        return value;
    }

    /// max(v, 0) + slope * (v - max(v, 0)): right for any slope.
    TensorPtr prelu(const TensorPtr& value, const TensorPtr& slope) {
        const TensorPtr above = map(fe::PointwiseMode_t::RELU_FWD, value);
        const TensorPtr below = combine(fe::PointwiseMode_t::SUB, value, above);
        return combine(fe::PointwiseMode_t::ADD, above, combine(fe::PointwiseMode_t::MUL, below, slope));
    }

    TensorPtr clip(const Pointwise& step, const TensorPtr& value) {
        auto attributes = fe::graph::Pointwise_attributes().set_mode(fe::PointwiseMode_t::RELU_FWD);
        if (step.low != 0) attributes.set_relu_lower_clip(step.low);
        if (std::isfinite(step.high)) attributes.set_relu_upper_clip(step.high);
        return graph_->pointwise(value, attributes);
    }

    const ConvolutionSite& site_;
    std::shared_ptr<fe::graph::Graph> graph_;
    std::size_t operands_ = 0;
};

class CudnnPlan final : public ConvolutionPlan {
  public:
    CudnnPlan(const cudnn::Handle& handle, std::shared_ptr<fe::graph::Graph> graph, std::string name)
        : handle_(handle), graph_(std::move(graph)), name_(std::move(name)) {
        check(graph_->get_workspace_size(workspace_), "size");
    }

    [[nodiscard]] std::size_t workspace_bytes() const override { return static_cast<std::size_t>(workspace_); }

    [[nodiscard]] std::vector<std::uint8_t> bytes() const override {
        std::vector<std::uint8_t> data;
        check(graph_->serialize(data), "save");
        return data;
    }

    [[nodiscard]] std::string name() const override { return name_; }

    void enqueue(const ConvolutionMemory& memory) override {
        // cuDNN's interface takes what it only reads as writable.
        const auto writable = [](const std::byte* data) { return const_cast<std::byte*>(data); };  // NOLINT
        std::unordered_map<std::int64_t, void*> pack{
            {input_uid, writable(memory.input)}, {weights_uid, writable(memory.weights)}, {output_uid, memory.output}};
        std::int64_t uid = first_operand_uid;
        for (const std::byte* operand : memory.operands) pack.emplace(uid++, writable(operand));
        check(graph_->execute(handle_.get(), pack, memory.workspace), "run");
    }

  private:
    const cudnn::Handle& handle_;
    std::shared_ptr<fe::graph::Graph> graph_;
    std::string name_;
    std::int64_t workspace_ = 0;
};

/// Of a graph whose plan was just built; one that was loaded knows none, and crashes when it is asked.
std::string name_of(const fe::graph::Graph& graph) {
    std::string text;
    check(graph.get_plan_name(text), "name");
    return text;
}

/// A graph of its own for each plan, as a graph keeps one to run and to save.
std::shared_ptr<fe::graph::Graph> prepared(const cudnn::Handle& handle, const ConvolutionSite& site) {
    auto graph = Builder(site).build();
    check(graph->validate(), "describe");
    check(graph->build_operation_graph(handle.get()), "lower");
    graph->deselect_numeric_notes({fe::NumericalNote_t::NONDETERMINISTIC});
    check(graph->create_execution_plans({fe::HeurMode_t::A}), "plan");
    return graph;
}

/// One pixel for each picture of a batch: cuDNN 9.19 compiles kernels that look for it at wrong, misaligned addresses.
bool has_pixel_a_picture(const ConvolutionSite& site) {
    return std::ranges::any_of(site.operands, [&](const ConvolutionOperand& operand) {
        return operand.batch > 1 && operand.shape != site.output;
    });
}

}  // namespace

std::string signature(const ConvolutionSite& site) {
    const Convolution& conv = site.convolution;
    std::string text = conv.transposed ? "transposed " : "";
    text += fmt::format("{}x{} s{},{} d{},{} p{},{},{},{} {}x{}x{}x{}>{}x{}x{}", conv.kernel.y, conv.kernel.x,
                        conv.stride.y, conv.stride.x, conv.dilation.y, conv.dilation.x, conv.pads.top, conv.pads.left,
                        conv.pads.bottom, conv.pads.right, site.batch, site.input.height, site.input.width,
                        site.input.channels, site.output.height, site.output.width, site.output.channels);
    constexpr std::array names{"add", "multiply", "prelu", "clip", "sigmoid", "silu", "tanh"};
    for (const Pointwise& step : site.pointwise) {
        text += fmt::format(" {}", names.at(static_cast<std::size_t>(step.kind)));
        if (step.kind == Pointwise::Kind::clip) text += fmt::format("({},{})", step.low, step.high);
        if (step.value >= 0) text += " value";
    }
    for (const ConvolutionOperand& operand : site.operands) {
        text += fmt::format(" {}x{}x{}", operand.batch, operand.shape.height, operand.shape.width);
    }
    return text;
}

std::vector<std::unique_ptr<ConvolutionPlan>> make_plans(const cudnn::Handle& handle, const ConvolutionSite& site,
                                                         int most) {
    std::vector<std::unique_ptr<ConvolutionPlan>> plans;
    if (has_pixel_a_picture(site)) return plans;
    if (auto tiles = make_tile_plan(handle.stream(), site)) plans.push_back(std::move(tiles));
    try {
        auto graph = prepared(handle, site);
        const std::int64_t count = std::min<std::int64_t>(graph->get_execution_plan_count(), most);
        for (std::int64_t i = 0; i < count; ++i) {
            if (!graph) graph = prepared(handle, site);
            const fe::error_t built = graph->build_plan_at_index(handle.get(), i);
            if (built.is_good()) {
                std::string name = name_of(*graph);
                plans.push_back(std::make_unique<CudnnPlan>(handle, std::exchange(graph, nullptr), std::move(name)));
            } else {
                core::log::debug("cuDNN: plan {} of {}: {}", i, signature(site), built.err_msg);
            }
        }
    } catch (const Error& error) {
        core::log::debug("cuDNN: {}: {}", signature(site), error.what());
    }
    return plans;
}

std::unique_ptr<ConvolutionPlan> load_plan(const cudnn::Handle& handle, const ConvolutionSite& site,
                                           const StoredPlan& stored) {
    if (is_tile_plan(stored.bytes)) {
        if (auto tiles = make_tile_plan(handle.stream(), site)) return tiles;
        throw Error(ErrorCode::failed, fmt::format("no kernel of tiles for {}", signature(site)));
    }
    auto graph = std::make_shared<fe::graph::Graph>();
    check(graph->deserialize(handle.get(), stored.bytes), "load");
    return std::make_unique<CudnnPlan>(handle, std::move(graph), stored.name);
}

}  // namespace millrace::infer::fused::cuda
