#include "engine/rate.h"

#include <algorithm>
#include <cstring>
#include <random>

#include "core/half.h"
#include "device/copy.h"
#include "device/stream.h"

namespace millrace::engine {

void fill_with_noise(const device::Tensor& tensor) {
    std::minstd_rand random(1);
    std::uniform_real_distribution<float> values(0.0F, 1.0F);
    const std::size_t size = tensor.desc.byte_count();
    if (tensor.desc.dtype == core::DType::float32) {
        std::generate_n(tensor.as<float>(), size / sizeof(float), [&] { return values(random); });
    } else if (tensor.desc.dtype == core::DType::float16) {
        std::generate_n(tensor.as<std::uint16_t>(), size / 2, [&] { return core::half_of_float(values(random)); });
    } else {
        std::memset(tensor.data, 0, size);
    }
}

ResidentRuns::ResidentRuns(infer::Session& session, int workers)
    : session_(session), pool_(session.stream().device, "measured runs", device::unbounded) {
    const auto port = static_cast<std::size_t>(session.model().picture_input);
    inputs_ = zeros(session.input_descs());
    inputs_.at(port) = noise(session.input_descs().at(port));
    for (int i = 0; i < workers; ++i) {
        outputs_.push_back(zeros(session.output_descs()));
        in_flight_.emplace_back(session.stream(), profile_);
    }
}

double ResidentRuns::rate(std::chrono::duration<double> time, const std::stop_token& stop) {
    return rate_of(static_cast<int>(outputs_.size()), time, stop, [this](int worker) -> std::int64_t {
        run(static_cast<std::size_t>(worker));
        return session_.model().batch;
    });
}

void ResidentRuns::run(std::size_t worker) {
    in_flight_[worker].begin();
    session_.run(session_.stream(), {inputs_, outputs_[worker]});
    in_flight_[worker].end();
    entries_ += session_.model().batch;
}

device::Tensor ResidentRuns::noise(const core::TensorDesc& desc) {
    device::BufferPool host({}, "measured runs", device::unbounded);
    device::Tensor here = device::lease_tensor(host, desc);
    fill_with_noise(here);
    if (device::on_host(pool_.device())) return here;
    const device::Stream stream(pool_.device());
    device::Tensor there = device::copied(stream, pool_, here);
    device::synchronize(stream);
    return there;
}

std::vector<device::Tensor> ResidentRuns::zeros(const std::vector<core::TensorDesc>& descs) {
    const device::Stream stream(pool_.device());
    std::vector<device::Tensor> tensors;
    for (const core::TensorDesc& desc : descs) {
        tensors.push_back(device::lease_tensor(pool_, desc));
        device::clear(stream, tensors.back());
    }
    device::synchronize(stream);
    return tensors;
}

}  // namespace millrace::engine
