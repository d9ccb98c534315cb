#pragma once
// The session that decides how a job's model runs: on which runtime, in which precision.

#include <stop_token>

#include "device/device.h"
#include "engine/engine_session.h"
#include "engine/half_check.h"
#include "engine/model_sessions.h"
#include "engine/opened_input.h"
#include "infer/model.h"
#include "millrace/job.h"
#include "pipeline/job.h"

namespace millrace::engine {

/// What a first session is made from. Borrowed.
struct FirstSession {
    const Job& job;
    const LoadedModel& loaded;
    const OpenedInput& input;  ///< has the frames on which ways of running are compared
    device::DeviceId device;
    const Building& building;
    const std::stop_token& stop;
};

/// What `request` asks of the runtimes for a job's precision on a device: weights and float32 arithmetic.
void set_precision(infer::ModelRequest& request, const infer::ModelDescription& model, Precision precision,
                   device::DeviceId device);

/// With an engine where one is asked for, and the run that this one continues did not go on without; with float16
/// weights only where they were seen to do. `request` may bring the choice of an earlier run, which is taken over.
/// Throws what make_engine_session() and make_checked_session() throw.
[[nodiscard]] CheckedSession make_first_session(const FirstSession& from, const infer::ModelRequest& request,
                                                const pipeline::ModelPlan& plan);

}  // namespace millrace::engine
