// The extension millrace._engine: what the package's Python files stand on. It speaks the command line's language, so
// that options are known, checked and explained in one place; answers are the engine's JSON.

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>

#include "app/program.h"
#include "app/terminal.h"
#include "core/error.h"
#include "core/log.h"
#include "core/rational.h"
#include "engine/version.h"
#include "frame_tensor.h"
#include "generator.h"
#include "measure.h"
#include "reader.h"
#include "running.h"
#include "script_worker.h"
#include "tune.h"
#include "words.h"
#include "writer.h"

namespace nb = nanobind;

namespace millrace::python {

namespace {

/// Text of the engine for Python; bytes of a path that are no UTF-8 stay what os.fsdecode makes of them.
nb::object text(const std::string& bytes) {
    return nb::steal(PyUnicode_DecodeUTF8(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), "surrogateescape"));
}

/// Which class stands for which code is told in millrace/_errors.py.
void raise(const core::Error& error) {
    const nb::object made =
        nb::module_::import_("millrace._errors")
            .attr("from_engine")(core::name(error.code()), text(error.what()), core::exit_code(error.code()));
    PyErr_SetObject(made.type().ptr(), made.ptr());
}

void prepare_once() {
    static std::once_flag prepared;
    std::call_once(prepared, app::prepare_process);
}

std::string probe(const nb::list& arguments) {
    auto command = parsed<app::ProbeCommand>(words(arguments));
    const nb::gil_scoped_release others_run;
    app::find_what_models_need(command.job.model);
    return probe_json(command.job);
}

std::string devices(const nb::list& arguments) {
    const auto command = parsed<app::DevicesCommand>(words(arguments));
    const nb::gil_scoped_release others_run;
    return devices_json(app::find_runtime_library(command.runtime_library));
}

std::optional<std::pair<std::int64_t, std::int64_t>> parse_rate(const std::string& text) {
    const std::optional<core::Rational> rate = core::parse_rate(text);
    return rate ? std::optional(std::pair(rate->num, rate->den)) : std::nullopt;
}

int main_program(const nb::list& arguments) {
    const std::vector<std::string> list = words(arguments);
    std::vector<const char*> argv{"millrace"};
    std::ranges::transform(list, std::back_inserter(argv), [](const std::string& word) { return word.c_str(); });
    const nb::gil_scoped_release others_run;
    prepare_once();
    core::log::set_level(core::log::Level::info);
    return app::run_program(static_cast<int>(argv.size()), argv.data());
}

const char* phase_name(const Progress& progress) {
    switch (progress.phase) {
        case Phase::planning:
            return "planning";
        case Phase::building:
            return "building";
        case Phase::running:
            return "running";
        case Phase::joining:
            return "joining";
        case Phase::done:
            break;
    }
    return "done";
}

void define_progress(nb::module_& module) {
    nb::class_<Progress>(module, "Progress")
        .def_prop_ro("phase", &phase_name)
        .def_ro("frames_done", &Progress::frames_done)
        .def_ro("frames_reused", &Progress::frames_reused)
        .def_ro("frames_total", &Progress::frames_total)
        .def_ro("fps", &Progress::fps)
        .def_ro("seconds_left", &Progress::seconds_left)
        .def_ro("building_seconds", &Progress::building_seconds)
        .def_ro("pieces_done", &Progress::pieces_done)
        .def_ro("pieces_total", &Progress::pieces_total)
        .def_ro("lanes", &Progress::lanes)
        .def_ro("limiting_stage", &Progress::limiting_stage);
}

void define_running(nb::module_& module) {
    const auto start = [](Running* self, const nb::list& arguments) {
        prepare_once();
        new (self) Running(words(arguments));
    };
    nb::class_<Running>(module, "Running")
        .def("__init__", start, nb::arg("arguments"))
        .def("wait", &Running::wait, nb::arg("seconds"), nb::call_guard<nb::gil_scoped_release>())
        .def("stop", &Running::stop)
        .def("progress", &Running::progress)
        .def("report", [](Running& self) { return to_json(self.report()); })
        .def("trace", [](Running& self) { return self.report().trace_json; });
}

}  // namespace

}  // namespace millrace::python

NB_MODULE(_engine, module) {
    using namespace millrace;  // NOLINT(google-build-using-namespace)
    // A run's report says what a program would print.
    core::log::set_level(core::log::Level::warning);
    nb::register_exception_translator([](const std::exception_ptr& thrown, void*) {
        try {
            std::rethrow_exception(thrown);
        } catch (const core::Error& error) {
            python::raise(error);
        }
    });
#ifdef NDEBUG
    // What a program still holds when it ends is its own matter: the workers of PyTorch's DataLoader hold their
    // dataset.
    nb::set_leak_warnings(false);
#endif
    module.attr("__version__") = engine::version();
    python::define_progress(module);
    python::define_running(module);
    python::define_frame_tensor(module);
    python::define_reader(module);
    python::define_script_worker(module);
    python::define_writer(module);
    python::define_generator(module);
    python::define_measure(module);
    python::define_tune(module);
    module.def("probe", &python::probe, nb::arg("arguments"));
    module.def("devices", &python::devices, nb::arg("arguments"));
    module.def("versions", &versions_json);
    module.def("parse_rate", &python::parse_rate, nb::arg("text"));
    module.def("main", &python::main_program, nb::arg("arguments"));
}
