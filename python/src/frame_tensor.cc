#include "frame_tensor.h"

#include <fmt/format.h>
#include <nanobind/stl/string.h>

#include <cstdint>
#include <stdexcept>
#include <string>

#include "dlpack.h"

namespace millrace::python {

namespace nb = nanobind;

namespace {

nb::tuple shape_of(const FrameTensor& self) {
    nb::list extents;
    for (const std::int64_t extent : self.desc.shape) extents.append(extent);
    return nb::tuple(extents);
}

/// numpy's name of a type, little endian.
const char* type_string(core::DType dtype) {
    switch (dtype) {
        case core::DType::float32:
            return "<f4";
        case core::DType::float16:
            return "<f2";
        case core::DType::uint8:
            return "|u1";
        case core::DType::uint16:
            return "<u2";
        case core::DType::int32:
            return "<i4";
        case core::DType::int64:
            return "<i8";
    }
    return "|u1";
}

nb::dict interface_of(const FrameTensor& self) {
    nb::dict interface;
    interface["shape"] = shape_of(self);
    interface["typestr"] = type_string(self.desc.dtype);
    // An address is what the protocol wants.
    interface["data"] = nb::make_tuple(reinterpret_cast<std::uintptr_t>(self.tensor().data), false);  // NOLINT
    interface["version"] = 3;
    return interface;
}

bool on_host(const FrameTensor& self) { return device::on_host(self.tensor().device); }

/// Version 3 of numpy's array interface (numpy's reference, "The array interface protocol"): a view without a copy.
nb::dict array_interface(const FrameTensor& self) {
    if (!on_host(self)) {
        throw nb::attribute_error("a tensor on a GPU has no __array_interface__; take it by DLPack");
    }
    return interface_of(self);
}

/// Version 3 of the CUDA array interface (numba's documentation, "CUDA Array Interface (Version 3)"). The legacy
/// default stream waits for the engine's writes.
nb::dict cuda_array_interface(const FrameTensor& self) {
    if (on_host(self)) {
        throw nb::attribute_error("a tensor on the CPU has no __cuda_array_interface__; numpy.asarray() takes it");
    }
    nb::dict interface = interface_of(self);
    const nb::object legacy = nb::int_(1);
    wait_for(self.tensor(), legacy);
    self.lease->hand_out();
    interface["stream"] = legacy;
    return interface;
}

FrameTensor first(const FrameTensor& self, std::int64_t count) {
    if (count < 0 || count > self.desc.shape.front()) {
        throw nb::index_error(fmt::format("first({}) of {} entries", count, self.desc.shape.front()).c_str());
    }
    core::TensorDesc part = self.desc;
    part.shape.front() = count;
    return {self.lease, std::move(part)};
}

void define_protocols(nb::class_<FrameTensor>& type) {
    const auto dlpack = [](const FrameTensor& self, const nb::object& stream, const nb::object& max_version,
                           const nb::object& dl_device, const nb::object& copy) {
        return export_dlpack(self.lease, self.desc, {stream, max_version, dl_device, copy});
    };
    type.def_prop_ro("__array_interface__", &array_interface)
        .def_prop_ro("__cuda_array_interface__", &cuda_array_interface)
        .def("__dlpack__", dlpack, nb::kw_only(), nb::arg("stream") = nb::none(), nb::arg("max_version") = nb::none(),
             nb::arg("dl_device") = nb::none(), nb::arg("copy") = nb::none())
        .def("__dlpack_device__", [](const FrameTensor& self) { return dlpack_device(self.tensor().device); });
}

}  // namespace

const device::Tensor& FrameTensor::tensor() const {
    if (!lease->here()) throw std::runtime_error("the frames belong to the process that this one was forked from");
    return lease->tensor();
}

void define_frame_tensor(nb::module_& module) {
    nb::class_<FrameTensor> type(module, "FrameTensor");
    type.def_prop_ro("shape", &shape_of)
        .def_prop_ro("dtype", [](const FrameTensor& self) { return core::name(self.desc.dtype); })
        .def_prop_ro("device", [](const FrameTensor& self) { return device::to_string(self.tensor().device); })
        .def("first", &first, nb::arg("count"))
        .def(
            "wait", [](const FrameTensor& self) { device::wait_readable(self.tensor().timeline); },
            nb::call_guard<nb::gil_scoped_release>());
    define_protocols(type);
}

}  // namespace millrace::python
