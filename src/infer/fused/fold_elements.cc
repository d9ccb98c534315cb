#include "infer/fused/fold_elements.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace millrace::infer::fused {
namespace {

using graph::Constant;
using graph::Integers;
using graph::Reals;
using graph::Shape;

using RealUnary = float (*)(float);
using RealBinary = float (*)(float, float);
using Compare = bool (*)(double, double);

const std::map<std::string, RealUnary> real_unary{
    {"Neg", [](float a) { return -a; }},
    {"Abs", [](float a) { return std::abs(a); }},
    {"Sqrt", [](float a) { return std::sqrt(a); }},
    {"Exp", [](float a) { return std::exp(a); }},
    {"Floor", [](float a) { return std::floor(a); }},
    {"Ceil", [](float a) { return std::ceil(a); }},
    {"Round", [](float a) { return std::nearbyint(a); }},
    {"Reciprocal", [](float a) { return 1 / a; }},
};

const std::map<std::string, RealBinary> real_binary{
    {"Add", [](float a, float b) { return a + b; }},          {"Sub", [](float a, float b) { return a - b; }},
    {"Mul", [](float a, float b) { return a * b; }},          {"Div", [](float a, float b) { return a / b; }},
    {"Pow", [](float a, float b) { return std::pow(a, b); }}, {"Min", [](float a, float b) { return std::min(a, b); }},
    {"Max", [](float a, float b) { return std::max(a, b); }},
};

const std::map<std::string, Compare> comparisons{
    {"Equal", [](double a, double b) { return a == b; }},
    {"Less", [](double a, double b) { return a < b; }},
    {"LessOrEqual", [](double a, double b) { return a <= b; }},
    {"Greater", [](double a, double b) { return a > b; }},
    {"GreaterOrEqual", [](double a, double b) { return a >= b; }},
    {"And", [](double a, double b) { return a != 0 && b != 0; }},
    {"Or", [](double a, double b) { return a != 0 || b != 0; }},
};

/// By wrapping arithmetic, as the file's numbers may be anything; nullopt: not of integers, or a division by zero.
std::optional<std::int64_t> integer_binary(const std::string& op, std::int64_t a, std::int64_t b) {
    const auto wrapped = [](auto x) { return static_cast<std::int64_t>(x); };
    const auto x = static_cast<std::uint64_t>(a);
    const auto y = static_cast<std::uint64_t>(b);
    if (op == "Add") return wrapped(x + y);
    if (op == "Sub") return wrapped(x - y);
    if (op == "Mul") return wrapped(x * y);
    if (op == "Min") return std::min(a, b);
    if (op == "Max") return std::max(a, b);
    if (b == 0) return std::nullopt;
    if (op == "Div") return b == -1 ? wrapped(0 - x) : a / b;
    if (op == "Mod") return b == -1 ? 0 : (a % b + b) % b;
    return std::nullopt;
}

Constant real_result(const Constant& a, const Constant& b, RealBinary function) {
    Constant result{a.shape, Reals(a.reals().size())};
    std::ranges::transform(a.reals(), b.reals(), std::get<Reals>(result.values).begin(), function);
    return result;
}

std::optional<Constant> integer_result(const std::string& op, const Constant& a, const Constant& b) {
    Integers values;
    for (std::size_t i = 0; i < a.integers().size(); ++i) {
        const auto value = integer_binary(op, a.integers()[i], b.integers()[i]);
        if (!value) return std::nullopt;
        values.push_back(*value);
    }
    return Constant{a.shape, std::move(values)};
}

Constant compared(const Constant& a, const Constant& b, Compare function) {
    Integers values(static_cast<std::size_t>(graph::count_of(a.shape)));
    const auto apply = [&](const auto& x, const auto& y) {
        std::ranges::transform(x, y, values.begin(), [function](auto one, auto other) {
            return function(static_cast<double>(one), static_cast<double>(other)) ? 1 : 0;
        });
    };
    if (a.is_real()) {
        apply(a.reals(), b.reals());
    } else {
        apply(a.integers(), b.integers());
    }
    return {a.shape, std::move(values)};
}

}  // namespace

bool is_possible(const Shape& shape) {
    constexpr std::int64_t most = std::int64_t{1} << 28;
    const auto count = graph::checked_count(shape);
    return count && *count <= most;
}

std::optional<Shape> broadcast(const Shape& a, const Shape& b) {
    Shape result(std::max(a.size(), b.size()), 1);
    for (std::size_t i = 0; i < result.size(); ++i) {
        const std::int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1;
        const std::int64_t y = i < b.size() ? b[b.size() - 1 - i] : 1;
        if (x != y && x != 1 && y != 1) return std::nullopt;
        result[result.size() - 1 - i] = x == 1 ? y : x;
    }
    return is_possible(result) ? std::optional(result) : std::nullopt;
}

Constant expanded(const Constant& constant, const Shape& shape) {
    if (constant.shape == shape) return constant;
    const auto count = static_cast<std::size_t>(graph::count_of(shape));
    if (graph::count_of(constant.shape) == 1) {
        return std::visit([&](const auto& from) { return Constant{shape, std::vector(count, from[0])}; },
                          constant.values);
    }
    // Of each dimension, how far its next element is in the constant: 0 where that is copied.
    Shape strides(shape.size(), 0);
    std::int64_t stride = 1;
    for (std::size_t i = 0; i < constant.shape.size(); ++i) {
        const std::int64_t extent = constant.shape[constant.shape.size() - 1 - i];
        if (extent != 1) strides[shape.size() - 1 - i] = stride;
        stride *= extent;
    }
    const auto copy = [&]<class T>(const std::vector<T>& from) {
        std::vector<T> to(count);
        for (std::size_t i = 0; i < count; ++i) {
            auto left = static_cast<std::int64_t>(i);
            std::int64_t source = 0;
            for (std::size_t axis = shape.size(); axis-- > 0;) {
                source += left % shape[axis] * strides[axis];
                left /= shape[axis];
            }
            to[i] = from[static_cast<std::size_t>(source)];
        }
        return Constant{shape, std::move(to)};
    };
    return std::visit(copy, constant.values);
}

std::optional<Constant> fold_unary(const std::string& op, const Constant& a) {
    if (a.is_real()) {
        const auto found = real_unary.find(op);
        if (found == real_unary.end()) return std::nullopt;
        Constant result = a;
        for (float& value : std::get<Reals>(result.values)) value = found->second(value);
        return result;
    }
    Constant result = a;
    for (std::int64_t& value : std::get<Integers>(result.values)) {
        if (op == "Not") {
            value = value == 0 ? 1 : 0;
        } else if (op == "Neg" || (op == "Abs" && value < 0)) {
            value = static_cast<std::int64_t>(0 - static_cast<std::uint64_t>(value));
        } else if (op != "Abs") {
            return std::nullopt;
        }
    }
    return result;
}

std::optional<Constant> fold_binary(const std::string& op, const Constant& a, const Constant& b) {
    const auto shape = broadcast(a.shape, b.shape);
    if (!shape || a.is_real() != b.is_real()) return std::nullopt;
    const Constant x = expanded(a, *shape);
    const Constant y = expanded(b, *shape);
    if (const auto found = comparisons.find(op); found != comparisons.end()) return compared(x, y, found->second);
    if (!a.is_real()) return integer_result(op, x, y);
    const auto found = real_binary.find(op);
    return found == real_binary.end() ? std::nullopt : std::optional(real_result(x, y, found->second));
}

std::optional<Constant> fold_where(const Constant& condition, const Constant& a, const Constant& b) {
    const auto of_values = broadcast(a.shape, b.shape);
    const auto shape = of_values ? broadcast(*of_values, condition.shape) : std::nullopt;
    if (!shape || a.is_real() != b.is_real() || condition.is_real()) return std::nullopt;
    const Constant chosen = expanded(condition, *shape);
    Constant result = expanded(a, *shape);
    const Constant other = expanded(b, *shape);
    const auto choose = [&](auto& values, const auto& others) {
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (chosen.integers()[i] == 0) values[i] = others[i];
        }
    };
    if (a.is_real()) {
        choose(std::get<Reals>(result.values), other.reals());
    } else {
        choose(std::get<Integers>(result.values), other.integers());
    }
    return result;
}

}  // namespace millrace::infer::fused
