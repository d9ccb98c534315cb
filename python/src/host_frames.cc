#include "host_frames.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <array>
#include <cstring>
#include <optional>
#include <vector>

#include "engine/writer_job.h"

namespace millrace::python {

namespace nb = nanobind;

namespace {

using HostArray = nb::ndarray<nb::ro>;

std::string class_name(nb::handle object) { return nb::cast<std::string>(nb::str(object.type().attr("__name__"))); }

std::string dtype_name(nb::dlpack::dtype type) {
    using Code = nb::dlpack::dtype_code;
    const auto code = static_cast<Code>(type.code);
    const char* kind = code == Code::Float    ? "float"
                       : code == Code::UInt   ? "uint"
                       : code == Code::Int    ? "int"
                       : code == Code::Bfloat ? "bfloat"
                       : code == Code::Bool   ? "bool"
                                              : "elements of ";
    return fmt::format("{}{}", kind, code == Code::Bool ? "" : std::to_string(type.bits));
}

std::string wanted_frames(const core::TensorDesc& frame) {
    return fmt::format("{} [{}] or [N, {}]", core::name(frame.dtype), fmt::join(frame.shape, ", "),
                       fmt::join(frame.shape, ", "));
}

HostArray array_of(nb::handle object, const core::TensorDesc& frame) {
    try {
        return nb::cast<HostArray>(object);
    } catch (const nb::cast_error&) {  // said below
        PyErr_Clear();
    }
    engine::refuse(fmt::format("frames: expected an array ({}) that speaks DLPack or the buffer protocol, found {}",
                               wanted_frames(frame), class_name(object)));
}

}  // namespace

void check_frames(const core::TensorDesc& one, const core::TensorDesc& all, const core::TensorDesc& frame) {
    if (one == frame) return;
    engine::refuse(fmt::format("frames: expected {}, found {}", wanted_frames(frame), core::to_string(all)));
}

struct HostFrames::View {
    HostArray array;
    std::int64_t count = 1;
    std::ptrdiff_t frame_step = 0;         ///< bytes
    std::array<std::ptrdiff_t, 3> step{};  ///< bytes
    std::array<std::size_t, 3> extent{};
    bool compact = true;
};

HostFrames::HostFrames(nb::handle array, const core::TensorDesc& frame)
    : view_(std::make_unique<View>()), frame_(frame), compact_({}, "compact frames", device::unbounded) {
    View& view = *view_;
    view.array = array_of(array, frame);
    const std::size_t rank = view.array.ndim();
    std::vector<std::int64_t> shape;
    for (std::size_t i = 0; i < rank; ++i) shape.push_back(static_cast<std::int64_t>(view.array.shape(i)));
    const bool batched = rank == frame.shape.size() + 1;
    const std::vector<std::int64_t> one(shape.begin() + (batched ? 1 : 0), shape.end());
    if (dtype_name(view.array.dtype()) != core::name(frame.dtype) || one != frame.shape) {
        engine::refuse(fmt::format("frames: expected {}, found {} [{}]", wanted_frames(frame),
                                   dtype_name(view.array.dtype()), fmt::join(shape, ", ")));
    }
    if (view.array.device_type() != nb::device::cpu::value) {
        engine::refuse(
            "frames: they are on a device that this Writer does not work on; copy them to the host, or declare "
            "device=\"cuda\"");
    }
    const auto element = static_cast<std::ptrdiff_t>(core::size_of(frame.dtype));
    if (batched) {
        view.count = shape.front();
        view.frame_step = view.array.stride(0) * element;
    }
    std::ptrdiff_t next = element;
    for (std::size_t i = frame.shape.size(); i-- > 0;) {
        view.extent.at(i) = static_cast<std::size_t>(frame.shape[i]);
        view.step.at(i) = view.array.stride(i + (batched ? 1 : 0)) * element;
        view.compact = view.compact && (view.step.at(i) == next || frame.shape[i] == 1);
        next *= frame.shape[i];
    }
}

HostFrames::~HostFrames() = default;

std::int64_t HostFrames::count() const { return view_->count; }

device::Tensor HostFrames::at(std::int64_t index) {
    const View& view = *view_;
    // The array is read only; a tensor of the engine may be written, but nobody writes what comes in.
    auto* const data = static_cast<std::byte*>(const_cast<void*>(view.array.data()));  // NOLINT(*-const-cast)
    std::byte* const from = data + index * view.frame_step;
    device::Tensor frame;
    if (view.compact) {
        frame.desc = frame_;
        frame.data = from;
        frame.owner = std::shared_ptr<void>(from, [](void*) {});
        return frame;
    }
    frame = device::lease_tensor(compact_, frame_);
    const std::size_t element = core::size_of(frame_.dtype);
    std::byte* to = frame.data;
    for (std::size_t i = 0; i < view.extent[0]; ++i) {
        for (std::size_t j = 0; j < view.extent[1]; ++j) {
            const std::byte* row =
                from + static_cast<std::ptrdiff_t>(i) * view.step[0] + static_cast<std::ptrdiff_t>(j) * view.step[1];
            for (std::size_t k = 0; k < view.extent[2]; ++k, to += element) {
                std::memcpy(to, row + static_cast<std::ptrdiff_t>(k) * view.step[2], element);
            }
        }
    }
    return frame;
}

}  // namespace millrace::python
