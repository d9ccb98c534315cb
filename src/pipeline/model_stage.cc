#include "pipeline/model_stage.h"

#include <utility>

#include "device/copy.h"
#include "pipeline/gpu_times.h"

namespace millrace::pipeline {

RunsInFlight::RunsInFlight(device::StreamRef stream, Profile& profile) : stream_(stream), profile_(profile) {}

void RunsInFlight::begin() {
    began_ = Clock::now();
    if (device::on_host(stream_)) return;
    runs_.push_back({device::Event(stream_.device, device::EventKind::timing),
                     device::Event(stream_.device, device::EventKind::timing)});
    runs_.back().begin.record(stream_);
}

void RunsInFlight::end() {
    if (device::on_host(stream_)) {
        profile_.add(Stage::model, Activity::busy, began_, Clock::now());
        return;
    }
    runs_.back().end.record(stream_);
    wait_down_to(limit - 1);
}

void RunsInFlight::wait_down_to(std::size_t count) {
    for (; runs_.size() > count; runs_.pop_front()) {
        const Run& run = runs_.front();
        device::wait(device::host_stream(), run.end.ref());
        const std::chrono::duration<double> took{device::elapsed(run.begin.ref(), run.end.ref())};
        profile_.add_gpu(Stage::model, std::chrono::duration_cast<std::chrono::nanoseconds>(took));
        const Clock::time_point now = Clock::now();
        profile_.add(Stage::model, Activity::busy, now - std::chrono::duration_cast<Clock::duration>(took), now);
    }
}

ModelStage::ModelStage(infer::Session& session, Batcher& batcher, Profile& profile, Failure& failure, Results results)
    : session_(session),
      batcher_(batcher),
      profile_(profile),
      failure_(failure),
      stream_(session.stream()),
      output_descs_(session.output_descs()),
      // Bounded by the segments' frames in flow: a lane that has enough of them feeds no further one.
      outputs_(stream_.device, "model output", device::on_host(stream_) ? device::unbounded : results.memory),
      downloads_(device::make_staging_source(stream_.device), device::DeviceId{}, "model output on the host",
                 device::unbounded) {
    if (results.packed)
        output_descs_.at(static_cast<std::size_t>(session.model().result_output)) = results.packed->desc;
}

void ModelStage::start(int workers) {
    for (int i = 0; i < workers; ++i) {
        workers_.emplace_back([this] { guarded(failure_, [this] { work(); }); });
    }
}

void ModelStage::join() { workers_.clear(); }

void ModelStage::work() {
    const Worker counted(profile_, Stage::model);
    const std::stop_token stop = failure_.stop();
    RunsInFlight in_flight(stream_, profile_);
    Tensors states = zero_states();
    while (true) {
        std::optional<Batch> batch;
        {
            const Timed waiting(profile_, Stage::model, Activity::wait_input);
            batch = batcher_.pop(stream_, stop);
        }
        if (!batch) break;
        profile_.mark_first_frame();
        in_flight.begin();
        Tensors outputs = run(*batch, states);
        if (outputs.empty()) break;  // stopped
        in_flight.end();
        deliver(std::move(*batch), std::move(outputs));
    }
    if (!stop.stop_requested()) in_flight.wait_down_to(0);
}

ModelStage::Tensors ModelStage::run(const Batch& batch, Tensors& states) {
    Tensors outputs = lease_outputs();
    if (outputs.empty()) return outputs;
    std::vector<infer::FrameStamp> frames;
    for (const SlotOwner& owner : batch.owners) frames.push_back(owner.sink->stamp_of(owner.tag));
    session_.run(stream_, {gather_inputs(batch, states), outputs, frames});
    for (std::size_t i = 0; i < states.size(); ++i) {
        states[i] = outputs.at(static_cast<std::size_t>(session_.model().states[i].second)).share();
    }
    if (device::on_host(stream_) || session_.model().output != infer::OutputKind::data) return outputs;
    return downloaded(outputs);
}

ModelStage::Tensors ModelStage::lease_outputs() {
    Tensors outputs;
    for (const core::TensorDesc& desc : output_descs_) {
        outputs.push_back(device::lease_tensor(outputs_, desc, failure_.stop()));
        if (!outputs.back()) return {};
    }
    return outputs;
}

ModelStage::Tensors ModelStage::zero_states() {
    Tensors states;
    for (const auto& [input, output] : session_.model().states) {
        device::Tensor state =
            device::lease_tensor(outputs_, session_.input_descs().at(static_cast<std::size_t>(input)));
        device::clear(stream_, state);
        states.push_back(std::move(state));
    }
    return states;
}

ModelStage::Tensors ModelStage::gather_inputs(const Batch& batch, const Tensors& states) const {
    const infer::ModelDescription& model = session_.model();
    Tensors inputs(model.inputs.size());
    inputs.at(static_cast<std::size_t>(model.picture_input)) = batch.input.share();
    for (std::size_t i = 0; i < states.size(); ++i) {
        inputs.at(static_cast<std::size_t>(model.states[i].first)) = states[i].share();
    }
    return inputs;
}

ModelStage::Tensors ModelStage::downloaded(const Tensors& outputs) {
    Tensors down;
    for (const device::Tensor& output : outputs) {
        down.push_back(device::copied(stream_, downloads_, output));
    }
    return down;
}

void ModelStage::deliver(Batch batch, Tensors outputs) {
    const Timed waiting(profile_, Stage::model, Activity::wait_output);
    const auto shared = std::make_shared<const Tensors>(std::move(outputs));
    for (std::size_t slot = 0; slot < batch.owners.size(); ++slot) {
        SlotOwner& owner = batch.owners[slot];
        ModelResult result{owner.tile, static_cast<int>(slot), shared};
        profile_.count_frames(Stage::model, owner.tile == 0 ? 1 : 0);
        if (owner.sink->push({std::move(owner.tag), std::move(result)}, failure_.stop()) == core::Push::cancelled)
            break;
    }
}

}  // namespace millrace::pipeline
