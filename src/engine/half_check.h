#pragma once
// Whether a model with float16 weights still gives what it gave.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "device/device.h"
#include "engine/samples.h"
#include "infer/engine_cache.h"
#include "infer/session.h"
#include "millrace/job.h"
#include "pipeline/job.h"

namespace millrace::engine {

/// Whether a job may ask for its model's precision. Throws Error(usage) where there is no model, no GPU, or a runtime
/// that has no such precision.
void check_precision(const Job& job, device::DeviceId device);

/// A session, and what the report says about how it came about.
struct CheckedSession {
    std::unique_ptr<infer::Session> session;
    infer::Engine engine;  ///< that it runs; missing: none
    std::vector<std::string> notes;
    std::vector<std::string> fallbacks;
};

/// A session for comparison: the model as its file has it, on the runtime's own kernels. Nothing is measured for it, as
/// it runs so few frames.
[[nodiscard]] std::unique_ptr<infer::Session> make_reference_session(const infer::ModelRequest& request,
                                                                     const pipeline::ModelPlan& plan);

/// A session of what `request` asks for on the runtime's own kernels, or where it cannot be made float16, of the model
/// as its file has it: what fused layers have to be faster than.
[[nodiscard]] std::unique_ptr<infer::Session> make_rival_session(const infer::ModelRequest& request,
                                                                 const pipeline::ModelPlan& plan);

/// asked: where the model does not run in float16, that is a fallback, and where it cannot be made float16 an error.
/// tried: either is a note.
enum class Half : std::uint8_t { asked, tried };

/// A session of `request`, which has float16 weights and brings no earlier choice. First the model runs on samples as
/// the file has it, then with float16 weights, one after the other, as the memory is for one. Where they are not close,
/// the session is the file's. Throws what make_session() and Samples throw.
[[nodiscard]] CheckedSession make_checked_session(const infer::ModelRequest& request, const pipeline::ModelPlan& plan,
                                                  const Samples& samples, Half half);

}  // namespace millrace::engine
