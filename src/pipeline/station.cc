#include "pipeline/station.h"

namespace millrace::pipeline {

Station::Station(const ResolvedJob& job, const Backends& backends, std::size_t index, Profile& profile,
                 Failure& failure)
    : job_(job),
      backends_(backends),
      index_(index),
      profile_(profile),
      failure_(failure),
      pictures_(job.devices.at(index)) {}

void Station::start() {
    if (!job_.model) return;
    infer::Session& session = *backends_.sessions.at(index_);
    const auto port = static_cast<std::size_t>(job_.model->model.picture_input);
    const Batcher::Settings settings{batches_in_flight(*job_.model), job_.model->batch_timeout, job_.devices[index_]};
    const infer::Borders& borders = job_.model->borders;
    batcher_.emplace(borders.input ? borders.input->desc : session.input_descs().at(port), settings);
    model_.emplace(session, *batcher_, profile_, failure_,
                   ModelStage::Results{job_.model->result_memory, borders.output});
    model_->start(job_.model->workers);
}

void Station::end() {
    if (batcher_) batcher_->close();
    if (model_) model_->join();
}

std::unique_ptr<Feeder> Station::make_feeder() {
    if (batcher_) return make_model_feeder(*job_.model, *batcher_, profile_, failure_.stop());
    return make_picture_feeder(profile_, failure_.stop());
}

void Station::flush() {
    if (batcher_) batcher_->flush();
}

// Without a model the encoders are next, and they take what cores there are.
Next Station::next() const {
    if (!batcher_) return Next::is_blocked;
    if (!batcher_->starving()) return Next::works;
    return held_.any() ? Next::is_blocked : Next::starves;
}

}  // namespace millrace::pipeline
