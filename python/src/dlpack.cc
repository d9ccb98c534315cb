#include "dlpack.h"

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "device/buffer_pool.h"
#include "device/copy.h"
#include "device/stream.h"
#include "dlpack_abi.h"

namespace millrace::python {

namespace nb = nanobind;

namespace {

using device::DeviceId;
using device::DeviceKind;
using device::StreamRef;
using dlpack::Managed;
using dlpack::ManagedVersioned;

dlpack::Device dlpack_of(DeviceId device) {
    if (device::on_host(device)) return {dlpack::cpu, 0};
    return {dlpack::cuda, device.index};
}

dlpack::DataType type_of(core::DType dtype) {
    const auto bits = static_cast<std::uint8_t>(core::size_of(dtype) * 8);
    switch (dtype) {
        case core::DType::float32:
        case core::DType::float16:
            return {dlpack::floating, bits, 1};
        case core::DType::uint8:
        case core::DType::uint16:
            return {dlpack::unsigned_integer, bits, 1};
        case core::DType::int32:
        case core::DType::int64:
            break;
    }
    return {dlpack::signed_integer, bits, 1};
}

/// What a capsule points to: one of the two kinds, and what keeps the memory. Freed by the consumer, or with the
/// capsule.
template <class Kind>
struct Export {
    Kind managed{};
    std::shared_ptr<Lease> lease;
    std::vector<std::int64_t> shape;
    std::vector<std::int64_t> strides;

    static void release(Kind* managed) { delete static_cast<Export*>(managed->context); }  // NOLINT: owned by C
};

std::vector<std::int64_t> compact_strides(const std::vector<std::int64_t>& shape) {
    std::vector<std::int64_t> strides(shape.size(), 1);
    for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
    return strides;
}

template <class Kind>
Kind* make_export(const std::shared_ptr<Lease>& lease, const core::TensorDesc& desc) {
    auto* const made = new Export<Kind>;  // NOLINT(cppcoreguidelines-owning-memory): the consumer calls the deleter
    made->lease = lease;
    made->shape = desc.shape;
    made->strides = compact_strides(desc.shape);
    const device::Tensor& tensor = lease->tensor();
    made->managed.view = {tensor.data,
                          dlpack_of(tensor.device),
                          static_cast<std::int32_t>(desc.shape.size()),
                          type_of(desc.dtype),
                          made->shape.data(),
                          made->strides.data(),
                          0};
    made->managed.context = made;
    made->managed.deleter = &Export<Kind>::release;
    return &made->managed;
}

/// A consumer renames the capsule that it takes; an untouched one frees what it holds.
template <class Kind>
void destroy_capsule(PyObject* capsule) {
    const char* const name = std::is_same_v<Kind, Managed> ? dlpack::name : dlpack::versioned_name;
    if (PyCapsule_IsValid(capsule, name) == 0) return;
    auto* const managed = static_cast<Kind*>(PyCapsule_GetPointer(capsule, name));
    managed->deleter(managed);
}

nb::object capsule_of(const std::shared_ptr<Lease>& lease, const core::TensorDesc& desc,
                      const nb::object& max_version) {
    PyObject* capsule = nullptr;
    if (!max_version.is_none() && nb::cast<int>(max_version[0]) >= 1) {
        auto* const managed = make_export<ManagedVersioned>(lease, desc);
        managed->version = {1, 0};
        capsule = PyCapsule_New(managed, dlpack::versioned_name, &destroy_capsule<ManagedVersioned>);
    } else {
        capsule = PyCapsule_New(make_export<Managed>(lease, desc), dlpack::name, &destroy_capsule<Managed>);
    }
    if (capsule == nullptr) throw nb::python_error();
    return nb::steal(capsule);
}

/// Elsewhere, or apart: memory of its own, ready when this returns.
std::shared_ptr<Lease> copied(const device::Tensor& from, DeviceId to) {
    const bool through_gpu = from.device.kind == DeviceKind::cuda;
    const StreamRef none = device::host_stream();
    std::optional<device::Stream> stream;
    if (through_gpu) stream.emplace(from.device);
    device::BufferPool pool(to, "copy for Python", device::unbounded);
    device::Tensor copy = device::copied(through_gpu ? stream->ref() : none, pool, from);
    if (through_gpu) device::synchronize(stream->ref());
    return Lease::of(std::move(copy));
}

bool wants_copy(const device::Tensor& tensor, const DlpackRequest& request, DeviceId& target) {
    target = tensor.device;
    if (!request.dl_device.is_none()) {
        const auto type = nb::cast<std::int32_t>(request.dl_device[0]);
        const auto index = nb::cast<std::int32_t>(request.dl_device[1]);
        const dlpack::Device own = dlpack_of(tensor.device);
        if (type == dlpack::cpu) {
            target = {};
        } else if (type != own.type || index != own.index) {
            refuse(fmt::format("__dlpack__: the tensor is on {}, and goes to the CPU or nowhere else",
                               device::to_string(tensor.device)));
        }
    }
    const bool moves = target != tensor.device;
    if (request.copy.is_none()) return moves;
    const bool copy = nb::cast<bool>(request.copy);
    if (moves && !copy) {
        refuse(fmt::format("__dlpack__: the tensor is on {}: it cannot be on the CPU without a copy",
                           device::to_string(tensor.device)));
    }
    return copy;
}

}  // namespace

void refuse(const std::string& why) { throw nb::buffer_error(why.c_str()); }

void wait_for(const device::Tensor& tensor, const nb::object& stream) {
    constexpr std::intptr_t legacy = 1;
    constexpr std::intptr_t unsynchronised = -1;
    const std::intptr_t handle = stream.is_none() ? legacy : nb::cast<std::intptr_t>(stream);
    if (handle == 0) {
        throw nb::value_error(
            "__dlpack__: stream 0 is the legacy default stream to some and the thread's to others; pass 1 or 2");
    }
    if (handle == unsynchronised || !tensor.timeline) return;
    tensor.timeline->before_read({tensor.device, reinterpret_cast<void*>(handle)});  // NOLINT: a CUstream as a number
}

nb::tuple dlpack_device(DeviceId device) {
    const dlpack::Device said = dlpack_of(device);
    return nb::make_tuple(said.type, said.index);
}

nb::object export_dlpack(const std::shared_ptr<Lease>& lease, const core::TensorDesc& desc,
                         const DlpackRequest& request) {
    if (!lease->here()) refuse("the frames belong to the process that this one was forked from");
    const device::Tensor& tensor = lease->tensor();
    DeviceId target;
    if (wants_copy(tensor, request, target)) {
        device::Tensor part = tensor.share();
        part.desc = desc;
        return capsule_of(copied(part, target), desc, request.max_version);
    }
    if (tensor.device.kind == DeviceKind::cuda) {
        wait_for(tensor, request.stream);
        lease->hand_out();
    }
    return capsule_of(lease, desc, request.max_version);
}

}  // namespace millrace::python
