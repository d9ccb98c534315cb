#include "measure.h"

#include <nanobind/stl/string.h>

#include "engine/gpu_watch.h"

namespace millrace::python {

namespace nb = nanobind;

void define_measure(nb::module_& module) {
    const auto start = [](engine::GpuWatch* self) {
        new (self) engine::GpuWatch({device::DeviceId{device::DeviceKind::cuda, 0}});
    };
    const auto stop = [](engine::GpuWatch& self) {
        Report seen;
        self.stop(seen);
        return to_json(seen);
    };
    nb::class_<engine::GpuWatch>(module, "GpuWatch").def("__init__", start).def("stop", stop);
}

}  // namespace millrace::python
