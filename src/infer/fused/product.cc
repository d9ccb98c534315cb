// Products with constant matrices, as convolutions: of one pixel, or of all the picture that was flattened.

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "infer/fused/operators.h"
#include "infer/fused/steps.h"

namespace millrace::infer::fused {
namespace {

using graph::Constant;
using graph::Node;

constexpr int largest_flattened = 7;

/// A picture as a row of values, and weights for it.
struct Product {
    Reason reason;
    int value = -1;
    std::int64_t batch = 1;
    Convolution conv;
};

/// [outs, ins] of a matrix that may be the other way round.
std::vector<float> rows_of(const Constant& matrix, std::int64_t outs, std::int64_t ins, std::int64_t in_step) {
    const std::int64_t out_step = in_step == 1 ? ins : 1;
    std::vector<float> rows;
    rows.reserve(matrix.reals().size());
    for (std::int64_t out = 0; out < outs; ++out) {
        for (std::int64_t in = 0; in < ins; ++in) {
            rows.push_back(matrix.reals()[static_cast<std::size_t>(out * out_step + in * in_step)]);
        }
    }
    return rows;
}

/// The first operand, as a view of which all elements are one row.
const View* row(Trace& trace, const Node& node, Reason& reason) {
    const View* view = trace.view(node.input(0));
    if (view == nullptr || !view->is_flat()) {
        reason = trace.picture(node.input(0)).reason;
        view = trace.view(node.input(0));
    }
    if (reason.empty() && !view->is_flat()) {
        reason = fmt::format("{} of {}, expected [batch, values]", node.op, shown(view->shape()));
    }
    return view;
}

enum class Matrix { ins_by_outs, outs_by_ins };

Product product_of(Trace& trace, const Node& node, Matrix order) {
    Product product;
    const View* view = row(trace, node, product.reason);
    if (!product.reason.empty()) return product;
    const auto refuse = [&](const std::string& why) {
        product.reason = why;
        return product;
    };
    const Constant* matrix = trace.constant(node.input(1));
    if (matrix == nullptr || !matrix->is_real()) return refuse(fmt::format("{}'s weights are not constant", node.op));
    const std::size_t in_axis = order == Matrix::ins_by_outs ? 0 : 1;
    if (matrix->shape.size() != 2 || matrix->reals().empty() || matrix->shape[in_axis] != view->shape()[1]) {
        return refuse(fmt::format("{} of {} and weights of {}", node.op, shown(view->shape()), shown(matrix->shape)));
    }
    const Value& picture = trace.draft().value(view->value());
    if (std::max(picture.height, picture.width) > largest_flattened) {
        return refuse(fmt::format("{} of a flattened picture of {} x {}, larger than {} x {}", node.op, picture.height,
                                  picture.width, largest_flattened, largest_flattened));
    }
    const std::int64_t ins = matrix->shape[in_axis];
    const std::int64_t outs = matrix->shape[1 - in_axis];
    product.value = view->value();
    product.batch = view->shape()[0];
    product.conv.out_channels = static_cast<int>(outs);
    product.conv.kernel = {picture.height, picture.width};
    product.conv.weights = rows_of(*matrix, outs, ins, order == Matrix::ins_by_outs ? outs : 1);
    return product;
}

Reason give_product(Trace& trace, const Node& node, Product product, std::vector<Pointwise> steps) {
    const int channels = product.conv.out_channels;
    const int value = trace.add({product.value}, std::move(product.conv), {channels, 1, 1}, std::move(steps));
    trace.give(node.outputs.at(0), value, {product.batch, channels});
    return "";
}

}  // namespace

Reason lower_gemm(Trace& trace, const Node& node) {
    if (node.integer("transA", 0) != 0) return "Gemm with its first operand transposed";
    Product product =
        product_of(trace, node, node.integer("transB", 0) != 0 ? Matrix::outs_by_ins : Matrix::ins_by_outs);
    if (!product.reason.empty()) return product.reason;
    std::vector<Pointwise> steps{multiply_step({node.real("alpha", 1)})};
    if (!node.input(2).empty()) {
        const Constant* bias = trace.constant(node.input(2));
        auto constants =
            bias == nullptr ? std::nullopt : step_constants(*bias, {product.batch, product.conv.out_channels});
        if (!constants) return "Gemm's bias is not one constant for each channel";
        for (float& one : *constants) one *= node.real("beta", 1);
        steps.push_back(add_step(*constants));
    }
    return give_product(trace, node, std::move(product), std::move(steps));
}

Reason lower_mat_mul(Trace& trace, const Node& node) {
    Product product = product_of(trace, node, Matrix::ins_by_outs);
    return product.reason.empty() ? give_product(trace, node, std::move(product), {}) : product.reason;
}

}  // namespace millrace::infer::fused
