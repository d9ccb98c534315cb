#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "device/stream.h"
#include "dlpack.h"
#include "dlpack_abi.h"

namespace millrace::python {

namespace nb = nanobind;

namespace {

using device::DeviceId;
using device::DeviceKind;
using dlpack::Managed;
using dlpack::ManagedVersioned;

/// The newest kind of capsule that the producer has.
nb::object capsule_from(nb::handle array, device::StreamRef stream) {
    if (!nb::hasattr(array, "__dlpack__")) {
        throw nb::type_error(fmt::format("{} speaks no DLPack", nb::type_name(array.type()).c_str()).c_str());
    }
    nb::object number = nb::none();
    if (stream.device.kind == DeviceKind::cuda) {
        number = nb::int_(reinterpret_cast<std::intptr_t>(stream.native));  // NOLINT: a CUstream as a number
    }
    const nb::object producer = array.attr("__dlpack__");
    try {
        return producer(nb::arg("stream") = number, nb::arg("max_version") = nb::make_tuple(1, 0));
    } catch (nb::python_error& error) {
        if (!error.matches(PyExc_TypeError)) throw;
    }
    return producer(nb::arg("stream") = number);  // older than DLPack 1.0
}

std::optional<core::DType> dtype_of(dlpack::DataType type) {
    if (type.lanes != 1) return std::nullopt;
    if (type.code == dlpack::floating && type.bits == 32) return core::DType::float32;
    if (type.code == dlpack::floating && type.bits == 16) return core::DType::float16;
    if (type.code == dlpack::unsigned_integer && type.bits == 8) return core::DType::uint8;
    if (type.code == dlpack::unsigned_integer && type.bits == 16) return core::DType::uint16;
    return std::nullopt;
}

DeviceId device_of(dlpack::Device device) {
    const bool gpu = device.type == dlpack::cuda || device.type == dlpack::cuda_managed;
    return gpu ? DeviceId{DeviceKind::cuda, device.index} : DeviceId{};
}

bool is_compact(const dlpack::View& view) {
    if (view.strides == nullptr) return true;
    std::int64_t expected = 1;
    for (std::int32_t i = view.dimensions; i-- > 0;) {
        if (view.shape[i] != 1 && view.strides[i] != expected) return false;  // NOLINT: DLPack's own arrays
        expected *= view.shape[i];                                            // NOLINT
    }
    return true;
}

device::Tensor tensor_of(const dlpack::View& view, device::StreamRef stream) {
    device::Tensor tensor;
    tensor.device = device_of(view.device);
    if (tensor.device != stream.device) {
        refuse(fmt::format("expected an array on {}, found one on {}", device::to_string(stream.device),
                           device::to_string(tensor.device)));
    }
    const auto dtype = dtype_of(view.type);
    if (!dtype) {
        refuse(fmt::format("expected float32, float16, uint8 or uint16, found DLPack's type {} of {} bits",
                           view.type.code, view.type.bits));
    }
    if (!is_compact(view)) refuse("the array is not compact; make it so with .contiguous() or .copy()");
    tensor.desc = {*dtype, {view.shape, view.shape + view.dimensions}};   // NOLINT: DLPack's own arrays
    tensor.data = static_cast<std::byte*>(view.data) + view.byte_offset;  // NOLINT
    return tensor;
}

/// Takes what the capsule holds.
template <class Kind>
device::Tensor take(nb::handle capsule, const char* name, const char* used_name, device::StreamRef stream) {
    auto* const managed = static_cast<Kind*>(PyCapsule_GetPointer(capsule.ptr(), name));
    if (managed == nullptr) throw nb::python_error();
    device::Tensor tensor = tensor_of(managed->view, stream);
    if (PyCapsule_SetName(capsule.ptr(), used_name) != 0) throw nb::python_error();
    tensor.owner = std::shared_ptr<void>(managed, [](Kind* done) {
        if (done->deleter != nullptr) done->deleter(done);
    });
    return tensor;
}

}  // namespace

device::Tensor import_dlpack(nb::handle array, device::StreamRef stream) {
    const nb::object capsule = capsule_from(array, stream);
    const bool versioned = PyCapsule_IsValid(capsule.ptr(), dlpack::versioned_name) != 0;
    device::Tensor tensor =
        versioned ? take<ManagedVersioned>(capsule, dlpack::versioned_name, dlpack::used_versioned_name, stream)
                  : take<Managed>(capsule, dlpack::name, dlpack::used_name, stream);
    return tensor;
}

bool is_on_gpu(nb::handle array) {
    if (!nb::hasattr(array, "__dlpack_device__")) return false;
    const nb::object device = array.attr("__dlpack_device__")();
    const int kind = nb::cast<int>(nb::int_(device[0]));
    return kind == dlpack::cuda || kind == dlpack::cuda_managed;
}

void go_on_behind(device::EventRef done, std::optional<std::uintptr_t> stream, DeviceId device) {
    if (!stream) return device::wait(device::host_stream(), done);
    void* const native = reinterpret_cast<void*>(*stream);  // NOLINT: a CUstream as a number
    device::wait({device, native}, done);
}

void BorrowedArrays::keep(device::Tensor array, device::StreamRef stream) {
    if (spare_.empty()) spare_.emplace_back(stream.device);
    device::Event done = std::move(spare_.back());
    spare_.pop_back();
    done.record(stream);
    arrays_.push_back({std::move(array), std::move(done)});
}

void BorrowedArrays::drop_done() {
    const auto pending = [](const Borrowed& borrowed) { return !device::reached(borrowed.done.ref()); };
    const auto done = std::stable_partition(arrays_.begin(), arrays_.end(), pending);
    for (auto borrowed = done; borrowed != arrays_.end(); ++borrowed) spare_.push_back(std::move(borrowed->done));
    arrays_.erase(done, arrays_.end());
}

void BorrowedArrays::drop_all() {
    for (const Borrowed& borrowed : arrays_) device::wait(device::host_stream(), borrowed.done.ref());
    arrays_.clear();
}

}  // namespace millrace::python
