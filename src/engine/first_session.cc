#include "engine/first_session.h"

#include <functional>
#include <optional>
#include <utility>

#include "engine/device_choice.h"
#include "engine/output_checks.h"

namespace millrace::engine {

namespace {

class Making {
  public:
    Making(const FirstSession& from, const infer::ModelRequest& request, const pipeline::ModelPlan& plan)
        : from_(from), request_(request), plan_(plan), cache_(from.job.model.engine_cache) {}

    CheckedSession make() {
        const LoadedModel& loaded = from_.loaded;
        if (!loaded.engines) {
            CheckedSession made = without_engine();
            if (!loaded.no_engines.empty()) made.notes.push_back(loaded.no_engines);
            return made;
        }
        if (request_.choice && !infer::runs_engines(request_.choice->provider)) {
            CheckedSession made = without_engine();
            if (tries_engine()) return made;
            made.fallbacks.push_back(loaded.engines->version() + ": the run that this one continues went on without");
            return made;
        }
        return with_engine(request_.choice ? as_before() : request_);
    }

  private:
    const Samples& samples() {
        if (!samples_) samples_.emplace(from_.input, decoder_options(from_.job, from_.input), plan_);
        return *samples_;
    }

    [[nodiscard]] bool tries_engine() const { return from_.job.model.runtime == ModelRuntime::automatic; }
    [[nodiscard]] bool tries_half() const { return from_.job.model.precision == Precision::automatic; }

    // The run before may have gone on with an engine in float32 where float16 was tried.
    const infer::ModelRequest& as_before() {
        full_ = request_;
        full_.weights = infer::Weights::as_is;
        const bool full = tries_half() && from_.loaded.engines->provider() == infer::Provider::tensorrt &&
                          request_.choice->weights == infer::Weights::as_is &&
                          cache_.find(key_of(full_)).status == infer::EngineStatus::ready;
        return full ? full_ : request_;
    }

    [[nodiscard]] infer::EngineKey key_of(const infer::ModelRequest& request) const {
        return infer::engine_key({request, plan_.model, plan_.input}, *from_.loaded.engines,
                                 from_.loaded.runtime.version, kind_of(from_.device));
    }

    CheckedSession with_engine(const infer::ModelRequest& request) {
        const Earlier earlier = request.choice ? Earlier::with_engine : Earlier::none;
        const infer::EngineJob job{request, plan_.model, plan_.input};
        const EngineSource source{
            *from_.loaded.engines,         cache_,         key_of(request), tries_engine() ? Wish::tried : Wish::asked,
            comparison_basis(plan_.model), from_.building, from_.stop};
        const auto reference = [this] { return make_reference_session(request_, plan_); };
        const auto fallback = [&] { return after(request); };
        Serving serving{reference, fallback, [this]() -> const Samples& { return samples(); }, !from_.input.is_pipe()};
        // Also where fused layers are asked for: another job may take the same plans and leave it open.
        if (from_.loaded.engines->provider() == infer::Provider::fused) {
            serving.rival = [this] { return make_rival_session(request_, plan_); };
        }
        return make_engine_session(job, source, serving, earlier);
    }

    // An engine in float16 that nobody insisted on may be one in float32, too.
    CheckedSession after(const infer::ModelRequest& failed) {
        const bool may_be_full = tries_half() && from_.loaded.engines->provider() == infer::Provider::tensorrt;
        if (!may_be_full || failed.weights == infer::Weights::as_is) return without_engine();
        full_ = request_;
        full_.weights = infer::Weights::as_is;
        return with_engine(full_);
    }

    CheckedSession without_engine() {
        const bool half = request_.weights == infer::Weights::fp16;
        if (half && !request_.choice) {
            return make_checked_session(request_, plan_, samples(), tries_half() ? Half::tried : Half::asked);
        }
        CheckedSession made;
        made.session = infer::make_session(request_, plan_.model, plan_.input);
        const infer::Weights used = made.session->report().choice.weights;
        if (half && used == infer::Weights::as_is && !tries_half()) {
            made.fallbacks.emplace_back("fp16: the run that this one continues went on without it");
        }
        if (tries_half() && !plan_.model.states.empty()) {
            made.notes.emplace_back(
                "fp16: the model keeps a state, which may drift further than a check of single frames sees, so it runs "
                "in fp32; --precision fp16 does not");
        }
        return made;
    }

    const FirstSession& from_;
    const infer::ModelRequest& request_;
    const pipeline::ModelPlan& plan_;
    std::optional<Samples> samples_;
    infer::EngineCache cache_;
    infer::ModelRequest full_;  ///< the request, in float32
};

}  // namespace

void set_precision(infer::ModelRequest& request, const infer::ModelDescription& model, Precision precision,
                   device::DeviceId device) {
    if (device.kind != device::DeviceKind::cuda) return;
    if (precision == Precision::tf32) request.float_math = infer::FloatMath::tf32;
    const bool tried = model.dtype == core::DType::float32 && model.states.empty();
    const bool half = precision == Precision::fp16 || (precision == Precision::automatic && tried);
    if (half) request.weights = infer::Weights::fp16;
}

CheckedSession make_first_session(const FirstSession& from, const infer::ModelRequest& request,
                                  const pipeline::ModelPlan& plan) {
    return Making(from, request, plan).make();
}

}  // namespace millrace::engine
