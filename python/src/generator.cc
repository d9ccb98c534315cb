#include "generator.h"

#include <nanobind/stl/string.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/generator_worker.h"
#include "engine/script_worker.h"
#include "script_worker.h"
#include "writer.h"

namespace millrace::python {

namespace nb = nanobind;

namespace {

void open(engine::GeneratorWorker* self, engine::ScriptWorker& worker, const std::string& description,
          const std::string& declaration) {
    engine::Generator generator;
    generator.script = description_of(worker.job().script.path, description);
    generator.writer.job = worker.job();
    declare_frames(generator.writer, declaration);
    const auto said = nlohmann::json::parse(description);
    if (!said.at("frames").is_null()) generator.expected = said.at("frames").get<std::int64_t>();
    const nb::gil_scoped_release others_run;
    new (self) engine::GeneratorWorker(worker, std::move(generator));
}

/// How long other threads of Python keep its lock from this one shows only to who asks for it anew.
void enter(engine::GeneratorWorker& self) {
    std::chrono::steady_clock::time_point asked;
    {
        const nb::gil_scoped_release others_run;
        asked = std::chrono::steady_clock::now();
    }
    self.enter(std::chrono::duration<double>(std::chrono::steady_clock::now() - asked).count());
}

}  // namespace

void define_generator(nb::module_& module) {
    nb::class_<engine::GeneratorWorker>(module, "Generation")
        .def("__init__", &open, nb::arg("worker"), nb::arg("description"), nb::arg("declaration"))
        .def("writer", [](engine::GeneratorWorker& self) { return writer_handle(self.writer()); })
        .def_prop_ro("device",
                     [](const engine::GeneratorWorker& self) { return device::to_string(self.writer()->device()); })
        .def_prop_ro("stopped", &engine::GeneratorWorker::stopped)
        .def("enter", &enter)
        .def("leave", &engine::GeneratorWorker::leave)
        .def("finish", &engine::GeneratorWorker::finish, nb::call_guard<nb::gil_scoped_release>())
        .def("abort", &engine::GeneratorWorker::abort, nb::call_guard<nb::gil_scoped_release>());
}

}  // namespace millrace::python
