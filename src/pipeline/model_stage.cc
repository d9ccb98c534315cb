#include "pipeline/model_stage.h"

#include <cstring>
#include <limits>
#include <utility>

namespace millrace::pipeline {

namespace {

constexpr std::size_t unbounded = std::numeric_limits<std::size_t>::max() / 2;

}  // namespace

ModelStage::ModelStage(infer::Session& session, Batcher& batcher, Profile& profile, Failure& failure)
    : session_(session),
      batcher_(batcher),
      profile_(profile),
      failure_(failure),
      // Bounded by the segments' queues: a worker that cannot deliver takes no further batch.
      outputs_(device::DeviceId{}, "model output", unbounded) {}

void ModelStage::start(int workers) {
    for (int i = 0; i < workers; ++i) {
        workers_.emplace_back([this] { guarded(failure_, [this] { work(); }); });
    }
}

void ModelStage::join() { workers_.clear(); }

void ModelStage::work() {
    const Worker counted(profile_, Stage::model);
    const std::stop_token stop = failure_.stop();
    std::vector<device::Tensor> states = zero_states();
    while (true) {
        std::optional<Batch> batch;
        {
            const Timed waiting(profile_, Stage::model, Activity::wait_input);
            batch = batcher_.pop(stop);
        }
        if (!batch) return;
        profile_.mark_first_frame();
        std::vector<device::Tensor> outputs = lease_outputs();
        {
            const Timed busy(profile_, Stage::model, Activity::busy);
            const std::vector<device::Tensor> inputs = gather_inputs(*batch, states);
            session_.run(device::host_stream(), inputs, outputs);
        }
        for (std::size_t i = 0; i < states.size(); ++i) {
            states[i] = outputs.at(static_cast<std::size_t>(session_.model().states[i].second)).share();
        }
        deliver(std::move(*batch), std::move(outputs));
    }
}

std::vector<device::Tensor> ModelStage::lease_outputs() {
    std::vector<device::Tensor> outputs;
    for (const core::TensorDesc& desc : session_.output_descs()) {
        outputs.push_back(device::lease_tensor(outputs_, desc));
    }
    return outputs;
}

std::vector<device::Tensor> ModelStage::zero_states() {
    std::vector<device::Tensor> states;
    for (const auto& [input, output] : session_.model().states) {
        device::Tensor state =
            device::lease_tensor(outputs_, session_.input_descs().at(static_cast<std::size_t>(input)));
        std::memset(state.data, 0, state.desc.byte_count());
        states.push_back(std::move(state));
    }
    return states;
}

std::vector<device::Tensor> ModelStage::gather_inputs(const Batch& batch,
                                                      const std::vector<device::Tensor>& states) const {
    const infer::ModelDescription& model = session_.model();
    std::vector<device::Tensor> inputs(model.inputs.size());
    inputs.at(static_cast<std::size_t>(model.picture_input)) = batch.input.share();
    for (std::size_t i = 0; i < states.size(); ++i) {
        inputs.at(static_cast<std::size_t>(model.states[i].first)) = states[i].share();
    }
    return inputs;
}

void ModelStage::deliver(Batch batch, std::vector<device::Tensor> outputs) {
    const Timed waiting(profile_, Stage::model, Activity::wait_output);
    const auto shared = std::make_shared<const std::vector<device::Tensor>>(std::move(outputs));
    for (std::size_t slot = 0; slot < batch.owners.size(); ++slot) {
        SlotOwner& owner = batch.owners[slot];
        ModelResult result{owner.tile, static_cast<int>(slot), shared};
        profile_.count_frames(Stage::model, owner.tile == 0 ? 1 : 0);
        if (owner.sink->push({std::move(owner.tag), std::move(result)}, failure_.stop()) == core::Push::cancelled)
            return;
    }
}

}  // namespace millrace::pipeline
