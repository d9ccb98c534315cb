#include "generator.h"

#include <nanobind/stl/string.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "copy_lines.h"
#include "engine/generator_worker.h"
#include "engine/script_worker.h"
#include "gil_sampler.h"
#include "script_worker.h"
#include "writer.h"

namespace millrace::python {

namespace nb = nanobind;

namespace {

/// A GeneratorWorker, and how it stands with other threads of Python.
class Generation {
  public:
    Generation(engine::ScriptWorker& worker, engine::Generator generator)
        : worker_(worker, std::move(generator)), sampler_(std::in_place, [this] { return worker_.times().now > 0; }) {}
    ~Generation() {
        const nb::gil_scoped_release others_run;
        sampler_.reset();
    }
    Generation(const Generation&) = delete;
    Generation& operator=(const Generation&) = delete;
    Generation(Generation&&) = delete;
    Generation& operator=(Generation&&) = delete;

    [[nodiscard]] engine::GeneratorWorker& worker() { return worker_; }
    void finish() {
        const engine::GilWaits waits = sampler_->waits();
        sampler_.reset();
        worker_.finish(waits);
    }
    void abort() {
        sampler_.reset();
        worker_.abort();
    }

  private:
    engine::GeneratorWorker worker_;
    std::optional<GilSampler> sampler_;  ///< none once the work is over
};

void open(Generation* self, engine::ScriptWorker& worker, const std::string& description,
          const std::string& declaration) {
    engine::Generator generator;
    generator.script = description_of(worker.job().script.path, description);
    generator.writer.job = worker.job();
    declare_frames(generator.writer, declaration);
    const auto said = nlohmann::json::parse(description);
    if (!said.at("frames").is_null()) generator.expected = said.at("frames").get<std::int64_t>();
    generator.copies = &copies_of_scripts({generator.script.path});
    const nb::gil_scoped_release others_run;
    new (self) Generation(worker, std::move(generator));
}

/// How long other threads of Python keep its lock from this one shows only to who asks for it anew.
void enter(Generation& self) {
    std::chrono::steady_clock::time_point asked;
    {
        const nb::gil_scoped_release others_run;
        asked = std::chrono::steady_clock::now();
    }
    self.worker().enter(std::chrono::duration<double>(std::chrono::steady_clock::now() - asked).count());
}

}  // namespace

void define_generator(nb::module_& module) {
    nb::class_<Generation>(module, "Generation")
        .def("__init__", &open, nb::arg("worker"), nb::arg("description"), nb::arg("declaration"))
        .def("writer", [](Generation& self) { return writer_handle(self.worker().writer()); })
        .def_prop_ro("device", [](Generation& self) { return device::to_string(self.worker().writer()->device()); })
        .def_prop_ro("stopped", [](Generation& self) { return self.worker().stopped(); })
        .def("enter", &enter)
        .def("leave", [](Generation& self) { self.worker().leave(); })
        .def("finish", &Generation::finish, nb::call_guard<nb::gil_scoped_release>())
        .def("abort", &Generation::abort, nb::call_guard<nb::gil_scoped_release>());
}

}  // namespace millrace::python
