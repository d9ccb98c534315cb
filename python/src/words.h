#pragma once
// What Python says in words: arguments of the command line, names.

#include <nanobind/nanobind.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/tensor_desc.h"

namespace millrace::python {

/// Python hands over bytes: a path need not be UTF-8.
[[nodiscard]] inline std::vector<std::string> words(const nanobind::list& arguments) {
    std::vector<std::string> list;
    for (const nanobind::handle argument : arguments) {
        const auto text = nanobind::cast<nanobind::bytes>(argument);
        list.emplace_back(text.c_str(), text.size());
    }
    return list;
}

/// Of "float32", "float16" and "uint8", which millrace's Python files have checked.
[[nodiscard]] inline core::DType dtype_named(std::string_view name) {
    for (const core::DType one : {core::DType::float16, core::DType::uint8}) {
        if (name == core::name(one)) return one;
    }
    return core::DType::float32;
}

}  // namespace millrace::python
