#include "engine/half_check.h"

#include <fmt/format.h>

#include <utility>

#include "core/error.h"
#include "engine/job_members.h"

namespace millrace::engine {

namespace {

using core::Error;
using core::ErrorCode;

// The file's own numbers, for `why`, a sentence without a full stop.
CheckedSession as_the_file_has_it(const infer::ModelRequest& request, const pipeline::ModelPlan& plan, Half half,
                                  const std::string& why) {
    infer::ModelRequest as_is = request;
    as_is.weights = infer::Weights::as_is;
    CheckedSession made;
    made.session = infer::make_session(as_is, plan.model, plan.input);
    (half == Half::asked ? made.fallbacks : made.notes).push_back(why);
    return made;
}

}  // namespace

void check_precision(const Job& job, device::DeviceId device) {
    const Precision precision = job.model.precision;
    if (precision == Precision::automatic) return;
    const std::string asked = fmt::format("--precision {}", name_of(precision));
    if (job.model.path.empty()) {
        throw Error(ErrorCode::usage, fmt::format("{}: there is no model; give one with -m", asked));
    }
    if (device.kind != device::DeviceKind::cuda) {
        if (precision == Precision::fp32) return;
        throw Error(
            ErrorCode::usage,
            fmt::format("{}: the CPU computes in float32; give a GPU with --device cuda, or leave it out", asked));
    }
    if (precision == Precision::fp16) return;
    if (job.model.runtime == ModelRuntime::fused) {
        throw Error(ErrorCode::usage,
                    fmt::format("{}: fused layers compute in float16; leave out --runtime fused", asked));
    }
    if (job.model.runtime == ModelRuntime::tensorrt && precision == Precision::tf32) {
        throw Error(
            ErrorCode::usage,
            fmt::format("{}: that is for ONNX Runtime's CUDA provider; leave out --runtime tensorrt, or give it "
                        "--precision fp32",
                        asked));
    }
}

std::unique_ptr<infer::Session> make_reference_session(const infer::ModelRequest& request,
                                                       const pipeline::ModelPlan& plan) {
    infer::ModelRequest as_is = request;
    as_is.weights = infer::Weights::as_is;
    as_is.choice = infer::RuntimeChoice{.provider = infer::Provider::cuda};
    return infer::make_session(as_is, plan.model, plan.input);
}

std::unique_ptr<infer::Session> make_rival_session(const infer::ModelRequest& request,
                                                   const pipeline::ModelPlan& plan) {
    try {
        return infer::make_session(request, plan.model, plan.input);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::bad_input || request.weights == infer::Weights::as_is) throw;
    }
    infer::ModelRequest as_is = request;
    as_is.weights = infer::Weights::as_is;
    return infer::make_session(as_is, plan.model, plan.input);
}

CheckedSession make_checked_session(const infer::ModelRequest& request, const pipeline::ModelPlan& plan,
                                    const Samples& samples, Half half) {
    const std::vector<infer::Results> expected = run_samples(*make_reference_session(request, plan), samples.entries());
    CheckedSession checked;
    try {
        checked.session = infer::make_session(request, plan.model, plan.input);
    } catch (const Error& error) {
        if (half == Half::asked || error.code() != ErrorCode::bad_input) throw;
        return as_the_file_has_it(request, plan, half,
                                  fmt::format("fp16: {}: so the model runs in fp32", error.what()));
    }
    if (checked.session->report().choice.weights == infer::Weights::as_is) return checked;
    const infer::Verdict verdict = infer::judge(plan.model, expected, run_samples(*checked.session, samples.entries()),
                                                "fp32 on " + samples.text());
    if (verdict.close) {
        checked.notes.push_back("fp16: " + verdict.text);
        return checked;
    }
    checked.session.reset();
    return as_the_file_has_it(request, plan, half,
                              fmt::format("fp16: {}: too far, so the model runs in fp32", verdict.text));
}

}  // namespace millrace::engine
