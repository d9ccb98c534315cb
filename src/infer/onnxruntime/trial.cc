#include "infer/onnxruntime/trial.h"

#include <cstdint>
#include <cstring>

#include "device/copy.h"
#include "infer/timed_runs.h"

namespace millrace::infer::ort {
namespace {

constexpr double measured_seconds = 0.05;
constexpr int least_runs = 5;
constexpr int most_runs = 100;

/// Every value is in [1/2, 1): an exponent, and bits from a linear congruential sequence behind it.
template <class T>
void fill_floats(const device::Tensor& tensor, T half, T mantissa) {
    std::uint32_t state = 1;
    T* values = tensor.as<T>();
    for (std::int64_t i = 0; i < tensor.desc.element_count(); ++i) {
        state = state * 1664525U + 1013904223U;
        values[i] = static_cast<T>(half | (static_cast<T>(state >> 8U) & mantissa));
    }
}

}  // namespace

Trial::Trial(device::StreamRef stream, const SessionShapes& shapes)
    : stream_(stream),
      host_({}, "model warm-up", device::unbounded),
      device_(stream.device, "model warm-up", device::unbounded) {
    for (const core::TensorDesc& desc : shapes.inputs) {
        inputs_.push_back(device::lease_tensor(device_, desc));
        device::clear(stream_, inputs_.back());
    }
    for (const core::TensorDesc& desc : shapes.outputs) outputs_.push_back(device::lease_tensor(device_, desc));
    device::synchronize(stream_);
}

void Trial::fill() {
    for (const device::Tensor& input : inputs_) {
        const device::Tensor values = device::lease_tensor(host_, input.desc);
        std::memset(values.data, 0, input.desc.byte_count());
        if (input.desc.dtype == core::DType::float32) fill_floats<std::uint32_t>(values, 0x3f000000U, 0x007fffffU);
        if (input.desc.dtype == core::DType::float16) fill_floats<std::uint16_t>(values, 0x3800U, 0x03ffU);
        device::copy(stream_, values, input);
        device::synchronize(stream_);
    }
}

std::vector<std::byte> Trial::read() {
    std::vector<std::byte> all;
    for (const device::Tensor& output : outputs_) {
        const device::Tensor values = device::lease_tensor(host_, output.desc);
        device::copy(stream_, output, values);
        device::synchronize(stream_);
        all.insert(all.end(), values.data, values.data + output.desc.byte_count());
    }
    return all;
}

double Trial::seconds_a_run(const std::function<void()>& enqueue) const {
    return infer::seconds_a_run(stream_, enqueue, {measured_seconds, least_runs, most_runs});
}

}  // namespace millrace::infer::ort
