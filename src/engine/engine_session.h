#pragma once
// A model that runs in an engine that was built ahead: found, or built before the run, and compared before it is used.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>

#include "device/device.h"
#include "engine/half_check.h"
#include "infer/engine_cache.h"
#include "infer/engine_runtime.h"
#include "millrace/job.h"

namespace millrace::engine {

/// Whether a job may ask for who runs its model. Throws Error(usage) where there is no model, or no GPU.
void check_runtime(const Job& job, device::DeviceId device);

/// How far an engine in the making is.
struct BuildState {
    double seconds = 0;  ///< since that began
    int done = 0;        ///< pieces
    int total = 0;       ///< 0: not known
};

/// Called some times a second while an engine is built, the first time after 0 seconds.
using Building = std::function<void(const BuildState&)>;

/// asked: the job wants an engine, and to run without one is a fallback. tried: an engine is taken where there can be
/// one and it is faster than the rival; all else is a note.
enum class Wish : std::uint8_t { asked, tried };

/// Where engines come from, and what to do without one.
struct EngineSource {
    infer::EngineRuntime& engines;
    infer::EngineCache& cache;
    infer::EngineKey key;
    Wish wish = Wish::asked;
    /// What a comparison's outcome holds for besides the key, by name: versions, and the model's settings.
    std::map<std::string, std::string> holds_for;
    Building building;     ///< empty: none is built
    std::stop_token stop;  ///< ends the wait for another process; a build of our own ends by itself
};

/// Sessions of the runtime that serves without an engine.
struct Serving {
    /// Of the model as its file has it, for comparison. It is gone before the engine is loaded.
    std::function<std::unique_ptr<infer::Session>()> reference;
    /// What the run takes where there is no engine.
    std::function<CheckedSession()> fallback;
    /// What a comparison runs on.
    std::function<const Samples&()> samples;
    bool has_frames = false;  ///< those are frames of a video; else test patterns
    /// What else runs the model at this precision, to be timed beside an engine that is built; empty: nobody asks.
    std::function<std::unique_ptr<infer::Session>()> rival = {};
};

/// with_engine: this run continues one that an engine served.
enum class Earlier : std::uint8_t { none, with_engine };

/// What a comparison's outcome holds for besides an engine's key: this program, the GPU's driver, the model's settings.
[[nodiscard]] std::map<std::string, std::string> comparison_basis(const infer::ModelDescription& model);

/// The session of `job`. What is in the cache is taken, else an engine is built. It is compared with the reference on
/// the serving's samples (infer::judge), which is kept with it (infer/engine_record.h): once for what that holds for,
/// and again on frames where it was on test patterns. Where an engine cannot be built or loaded, or its results are
/// off, the fallback serves. A run that continues another takes that one's engine and compares nothing. Throws
/// Error(out_of_memory) where less at a time may do, Error(interrupted), Error(usage) where the engine of the run
/// before is gone.
[[nodiscard]] CheckedSession make_engine_session(const infer::EngineJob& job, const EngineSource& source,
                                                 const Serving& serving, Earlier earlier);

}  // namespace millrace::engine
