#include "infer/switching_session.h"

#include <fmt/format.h>

#include <cassert>
#include <exception>
#include <utility>

#include "core/log.h"
#include "device/copy.h"

namespace millrace::infer {

SwitchingSession::SwitchingSession(std::unique_ptr<Session> first, Make make, int batches)
    : model_(first->model()),
      inputs_(first->input_descs()),
      outputs_(first->output_descs()),
      batches_(batches),
      stream_(first->stream().device),
      scratch_(first->stream().device, "results to compare", device::unbounded),
      host_({}, "results to compare", device::unbounded),
      serving_(std::move(first)),
      maker_([this, make = std::move(make)](const std::stop_token& stop) { this->make(make, stop); }) {}

SwitchingSession::~SwitchingSession() = default;

void SwitchingSession::make(const Make& make, const std::stop_token& stop) {
    try {
        std::shared_ptr<Session> other = make(stop);
        if (!other) return keep("there is none");
        if (other->input_descs() != inputs_ || other->output_descs() != outputs_) return keep("its shapes are others");
        const std::scoped_lock lock(mutex_);
        other_ = std::move(other);
        state_ = SwitchState::checking;
    } catch (const std::exception& error) {  // a thread's entry
        keep(error.what());
    }
}

void SwitchingSession::keep(const std::string& reason) {
    core::log::warning("{}: not switched to another session: {}", model_.path, reason);
    std::shared_ptr<Session> dropped;  // outlives the lock: to end a session may take a while
    const std::scoped_lock lock(mutex_);
    dropped = std::move(other_);
    state_ = SwitchState::kept;
    note_ = fmt::format("{}: not switched to another session: {}", model_.path, reason);
}

void SwitchingSession::take(const Verdict& verdict) {
    if (!verdict.close) return keep(fmt::format("its results are too far off: {}", verdict.text));
    std::shared_ptr<Session> former;
    const std::scoped_lock lock(mutex_);
    if (++agreed_ < batches_) return;
    former = std::exchange(serving_, std::move(other_));
    state_ = SwitchState::switched;
    note_ = fmt::format("{}: switched to another session after {} batches; the last one: {}", model_.path, agreed_,
                        verdict.text);
    core::log::info("{}", note_);
}

Results SwitchingSession::read(Tensors outputs) {
    Results results;
    for (const device::Tensor& output : outputs) {
        const device::Tensor down = device::copied(stream_, host_, output);
        device::synchronize(stream_);
        results.push_back(floats_of(output.desc, down.data, static_cast<std::size_t>(output.desc.element_count())));
    }
    return results;
}

void SwitchingSession::serve(Session& session, const RunTensors& tensors) {
    session.run(session.stream(), tensors);
    if (device::on_host(stream_)) return;
    // Whoever waits for our stream waits for the run.
    device::Event done(stream_.ref().device);
    done.record(session.stream());
    device::wait(stream_, done.ref());
}

void SwitchingSession::compare(Session& other, const RunTensors& tensors) {
    try {
        std::vector<device::Tensor> found;
        for (const core::TensorDesc& desc : outputs_) found.push_back(device::lease_tensor(scratch_, desc));
        serve(other, {tensors.inputs, found, tensors.frames});
        const std::vector<Results> expected_values{read(tensors.outputs)};
        const std::vector<Results> found_values{read(found)};
        take(judge(model_, expected_values, found_values, "the session before"));
    } catch (const std::exception& error) {  // the caller has its results: what fails here is the other session's
        keep(error.what());
    }
}

void SwitchingSession::run([[maybe_unused]] device::StreamRef stream, const RunTensors& tensors) {
    assert(stream == stream_.ref());
    std::shared_ptr<Session> serving;
    std::shared_ptr<Session> other;
    {
        const std::scoped_lock lock(mutex_);
        serving = serving_;
        other = other_;
    }
    serve(*serving, tensors);
    if (!other) return;
    const std::unique_lock comparing(comparing_, std::try_to_lock);
    // A comparison that ended meanwhile may have decided.
    if (comparing && state() == SwitchState::checking) compare(*other, tensors);
}

SessionReport SwitchingSession::report() const {
    const std::scoped_lock lock(mutex_);
    SessionReport report = serving_->report();
    report.borders = {};  // what serves next may have none
    if (!note_.empty()) report.notes.push_back(note_);
    return report;
}

SwitchState SwitchingSession::state() const {
    const std::scoped_lock lock(mutex_);
    return state_;
}

}  // namespace millrace::infer
