#include "script_worker.h"

#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "copy_lines.h"
#include "engine/script_messages.h"
#include "engine/script_worker.h"
#include "error_codes.h"
#include "gil_sampler.h"
#include "script_session.h"
#include "words.h"

namespace millrace::python {

namespace nb = nanobind;

namespace {

infer::ScriptKind kind_named(const std::string& kind) {
    for (const infer::ScriptKind one : {infer::ScriptKind::analyser, infer::ScriptKind::generator}) {
        if (kind == infer::name(one)) return one;
    }
    return infer::ScriptKind::processor;
}

}  // namespace

infer::ScriptDescription description_of(const std::string& path, const std::string& text) {
    const auto said = nlohmann::json::parse(text);
    infer::ScriptDescription script;
    script.path = path;
    script.sha256 = said.at("sha256").get<std::string>();
    script.kind = kind_named(said.at("kind").get<std::string>());
    script.settings = said.at("settings").get<infer::Settings>();
    script.dtype = dtype_named(said.at("dtype").get<std::string>());
    script.steps = engine::steps_in(said.at("steps"));
    script.saves = said.at("saves").get<bool>();
    script.parameters = said.at("parameters").get<std::string>();
    script.runtime = said.at("runtime").get<std::string>();
    return script;
}

namespace {

/// The engine works on threads of its own, and this one, Python's main thread, calls the script.
bool run(engine::ScriptWorker& self, const std::string& description, const nb::object& hooks) {
    CallThread calls;
    engine::Script script;
    script.description = description_of(self.job().script.path, description);
    script.make_session = [&](const infer::ModelDescription& model, infer::Size input, device::DeviceId device) {
        return std::make_unique<ScriptSession>(script.description, ScriptPlace{model, input, device}, hooks, calls);
    };
    if (script.description.saves) {
        script.load = [&](const std::string& state) { load_script(script.description.path, hooks, state, calls); };
    }
    script.end = [&] { end_script(script.description.path, hooks, calls); };
    script.times = [&calls] { return calls.times(); };
    script.copies = &copies_of_scripts(all_paths(self.job().script));
    bool done = false;
    const nb::gil_scoped_release others_run;
    const GilSampler sampler([&calls] { return calls.in_call(); });
    script.gil_waits = [&sampler] { return sampler.waits(); };
    std::jthread work([&] {
        done = self.run(script);
        calls.finish();
    });
    calls.serve();
    work.join();
    return done;
}

}  // namespace

void define_script_worker(nb::module_& module) {
    nb::class_<engine::ScriptWorker>(module, "ScriptWorker")
        .def(nb::init<int>(), nb::arg("socket"), nb::call_guard<nb::gil_scoped_release>())
        .def_prop_ro("scripts", [](const engine::ScriptWorker& self) { return all_paths(self.job().script); })
        .def_prop_ro("settings", [](const engine::ScriptWorker& self) { return self.job().script.settings; })
        .def_prop_ro("frames", [](const engine::ScriptWorker& self) { return self.job().input.frames; })
        .def_prop_ro("batch", [](const engine::ScriptWorker& self) { return self.job().model.batch; })
        .def(
            "fail",
            [](engine::ScriptWorker& self, const std::string& code, const std::string& message) {
                self.fail(core::Error(code_named(code), message));
            },
            nb::arg("code"), nb::arg("message"))
        .def(
            "keep_state",
            [](engine::ScriptWorker& self, int segment, const nb::bytes& state) {
                const std::string_view bytes(state.c_str(), state.size());
                const nb::gil_scoped_release others_run;
                self.keep_state(segment, bytes);
            },
            nb::arg("segment"), nb::arg("state"))
        .def("run", &run, nb::arg("description"), nb::arg("calls"));
}

}  // namespace millrace::python
