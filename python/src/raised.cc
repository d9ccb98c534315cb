#include "raised.h"

#include <fmt/format.h>
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include "core/error.h"
#include "error_codes.h"

namespace millrace::python {

namespace nb = nanobind;

void raised_as_errors(const std::string& path, const std::function<void()>& work) {
    try {
        work();
    } catch (const nb::python_error& error) {
        const nb::handle value = error.value();
        if (!nb::hasattr(value, "traceback") || !nb::hasattr(value, "code")) {
            throw core::Error(core::ErrorCode::failed, fmt::format("script {}: {}", path, error.what()));
        }
        const auto traceback = nb::cast<std::string>(value.attr("traceback"));
        const auto text = nb::cast<std::string>(nb::str(value));
        throw core::Error(code_named(nb::cast<std::string>(value.attr("code"))),
                          traceback.empty() ? text : text + "\n" + traceback);
    }
}

}  // namespace millrace::python
