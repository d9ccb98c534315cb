#pragma once
// Operators as cases of one test.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "infer/fused_models.h"

namespace millrace::infer::fused {

inline const std::vector<Shape> any_shape{{1, 3, 8, 12}, {3, 3, 7, 5},   {1, 3, 1, 1}, {1, 1, 9, 3},
                                          {3, 1, 1, 1},  {1, 500, 3, 2}, {64, 3, 5, 4}};
inline const std::vector<Shape> pictures{{1, 3, 8, 12}, {3, 3, 9, 7}, {1, 1, 9, 8}};

struct Case {
    std::string name;
    /// Gets the input's name and its channels, returns the output's.
    std::function<std::string(ModelMaker& model, std::int64_t channels)> make;
    std::vector<Shape> shapes = any_shape;
    int rank = 4;
    int operator_set = 17;
    friend std::ostream& operator<<(std::ostream& stream, const Case& one) { return stream << one.name; }
};

class FusedOperator : public ::testing::TestWithParam<Case> {};

/// One node without constants.
inline Case plain(const std::string& op, const std::string& attributes = "",
                  const std::vector<Shape>& shapes = any_shape) {
    return {op + attributes.substr(0, 12),
            [=](ModelMaker& model, std::int64_t /*channels*/) { return model.node(op, {"input"}, attributes); },
            shapes};
}

inline std::string named(const ::testing::TestParamInfo<Case>& info) {
    std::string name;
    for (const char one : info.param.name) name += std::isalnum(one) != 0 ? one : '_';
    return fmt::format("{}_{}", name, info.index);
}

}  // namespace millrace::infer::fused
