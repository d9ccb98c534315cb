#pragma once
// Arguments of the command line from Python.

#include <nanobind/nanobind.h>

#include <string>
#include <vector>

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

}  // namespace millrace::python
