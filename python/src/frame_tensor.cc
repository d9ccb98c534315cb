#include "frame_tensor.h"

#include <cstdint>
#include <string>

namespace millrace::python {

namespace nb = nanobind;

namespace {

nb::tuple shape_of(const FrameTensor& self) {
    nb::list extents;
    for (const std::int64_t extent : self.tensor.desc.shape) extents.append(extent);
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
        case core::DType::int32:
            return "<i4";
        case core::DType::int64:
            return "<i8";
    }
    return "|u1";
}

/// Version 3 of numpy's array interface (numpy's reference, "The array interface protocol"): a view without a copy.
nb::dict array_interface(const FrameTensor& self) {
    if (self.tensor.device.kind != device::DeviceKind::host) {
        throw nb::attribute_error("a tensor on a GPU has no __array_interface__; take it by DLPack");
    }
    nb::dict interface;
    interface["shape"] = shape_of(self);
    interface["typestr"] = type_string(self.tensor.desc.dtype);
    // An address is what the protocol wants.
    interface["data"] = nb::make_tuple(reinterpret_cast<std::uintptr_t>(self.tensor.data), false);  // NOLINT
    interface["version"] = 3;
    return interface;
}

}  // namespace

void define_frame_tensor(nb::module_& module) {
    nb::class_<FrameTensor>(module, "FrameTensor")
        .def_prop_ro("shape", &shape_of)
        .def_prop_ro("dtype", [](const FrameTensor& self) { return core::name(self.tensor.desc.dtype); })
        .def_prop_ro("device", [](const FrameTensor& self) { return device::to_string(self.tensor.device); })
        .def_prop_ro("__array_interface__", &array_interface);
}

}  // namespace millrace::python
