#include "tune.h"

#include <nanobind/stl/string.h>

#include <string>

#include "app/terminal.h"
#include "app/tune_text.h"
#include "interruptible.h"
#include "millrace/engine.h"
#include "running.h"
#include "words.h"

namespace nb = nanobind;

namespace millrace::python {

namespace {

/// JSON. `progress` is None, or called with a line a measurement; what it raises ends the tuning.
std::string tune(const nb::list& arguments, const nb::object& progress) {
    auto command = parsed<app::TuneCommand>(words(arguments));
    app::find_what_models_need(command.job.model);
    const auto tell = [&progress](const std::string& line) {
        const nb::gil_scoped_acquire python;
        if (!progress.is_none()) progress(line);
    };
    std::string json;
    interruptible([&](const std::stop_token& stop) { json = tune_json(command.job, command.options, tell, stop); });
    return json;
}

}  // namespace

void define_tune(nb::module_& module) {
    module.def("tune", &tune, nb::arg("arguments"), nb::arg("progress").none());
    module.def("tune_text", &app::render_tune, nb::arg("result"));
    module.def("tune_plot", &app::plot_tune, nb::arg("result"));
}

}  // namespace millrace::python
