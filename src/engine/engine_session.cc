#include "engine/engine_session.h"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <future>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/clock.h"
#include "core/error.h"
#include "core/log.h"
#include "engine/job_members.h"
#include "engine/machine.h"
#include "engine/model_settings.h"
#include "engine/rate.h"
#include "engine/version.h"
#include "infer/engine_record.h"

namespace millrace::engine {

namespace {

using Clock = std::chrono::steady_clock;
using core::Error;
using core::ErrorCode;

constexpr std::chrono::milliseconds told_every{250};
constexpr std::chrono::duration<double> timed{0.3};

// One session, from the question whether there is an engine to the answer.
class EngineSession final : infer::EngineBuilder {
  public:
    EngineSession(const infer::EngineJob& job, const EngineSource& source, const Serving& serving)
        : job_(job), source_(source), serving_(serving) {}

    CheckedSession make() {
        try {
            infer::Engine engine = source_.cache.find(source_.key);
            if (engine.status == infer::EngineStatus::missing) {
                if (!source_.building) return not_built();
                engine = build_engine();
            }
            if (engine.status == infer::EngineStatus::ready) return with(engine);
            return without(engine.reason);
        } catch (const Error& error) {
            if (error.code() == ErrorCode::out_of_memory || error.code() == ErrorCode::interrupted) throw;
            return without(error.what());
        }
    }

    CheckedSession repeat() {
        const infer::Engine engine = source_.cache.find(source_.key);
        if (engine.status != infer::EngineStatus::ready) {
            throw Error(ErrorCode::usage,
                        fmt::format("{}: the engine that this output was begun with is no more in the cache, and "
                                    "another gives other bits; begin again with --restart",
                                    job_.model.path));
        }
        CheckedSession made;
        made.session = load(engine);
        made.engine = engine;
        return made;
    }

  private:
    // The cache calls these two, in the thread that build_engine() starts.
    void build(const std::filesystem::path& folder) override {
        source_.engines.build(job_, folder, [this](int done, int total) {
            pieces_ = total;
            pieces_done_ = done;
        });
    }

    std::string check(const std::filesystem::path& folder) override {
        infer::EngineRecord record{{}, serving_.has_frames, source_.holds_for, {}};
        (void)expected();  // the device's memory is for one of the two
        {
            const std::unique_ptr<infer::Session> session = source_.engines.load(job_, folder);
            verdict_ = compare(*session);
            if (!verdict_->close) return verdict_->text;
            record.verdict = *verdict_;
            if (serving_.rival) record.seconds[own_way()] = seconds_a_run(*session);
        }
        if (serving_.rival) time_rival(record);
        infer::save_record(record, folder);
        return "";
    }

    [[nodiscard]] double seconds_a_run(infer::Session& session) const {
        ResidentRuns runs(session, 1);
        (void)runs.rate(warm_up, source_.stop);
        return session.model().batch / runs.rate(timed, source_.stop);
    }

    // Without room for it, or a way to load it, there is no rival.
    void time_rival(infer::EngineRecord& record) const {
        try {
            const std::unique_ptr<infer::Session> session = serving_.rival();
            record.seconds[infer::to_string(session->report().choice)] = seconds_a_run(*session);
        } catch (const Error& error) {
            if (error.code() == ErrorCode::interrupted) throw;
            core::log::debug("{}: not timed beside {}: {}", job_.model.path, name(), error.what());
        }
    }

    // A runtime that does not take the engine may build another in its place, which is not what is recorded.
    std::unique_ptr<infer::Session> load(const infer::Engine& engine) {
        std::unique_ptr<infer::Session> session = source_.engines.load(job_, engine.folder);
        if (source_.cache.find(source_.key).digest == engine.digest) return session;
        throw Error(ErrorCode::failed,
                    fmt::format("the engine in {} was not taken, and another was built", engine.folder.string()));
    }

    infer::Engine build_engine() {
        const auto begin = Clock::now();
        auto built = std::async(std::launch::async, [this] {
            return source_.cache.build(source_.key, *this, infer::WhileBusy::wait, source_.stop);
        });
        double so_far = 0;
        do {
            const int done = pieces_done_;  // before the total, which is there before the first is done
            source_.building({so_far, done, pieces_});
            so_far = core::seconds_since(begin);
        } while (built.wait_for(told_every) != std::future_status::ready);
        return built.get();
    }

    const std::vector<infer::Results>& expected() {
        if (expected_.empty()) expected_ = run_samples(*serving_.reference(), serving_.samples().entries());
        return expected_;
    }

    infer::Verdict compare(infer::Session& session) {
        const std::vector<infer::Results>& want = expected();
        return infer::judge(job_.model, want, run_samples(session, serving_.samples().entries()),
                            "ONNX Runtime's own kernels on " + serving_.samples().text());
    }

    [[nodiscard]] std::string own_way() const { return std::string(infer::name(source_.engines.provider())); }
    [[nodiscard]] std::string name() const { return source_.engines.version(); }

    CheckedSession with(const infer::Engine& engine) {
        infer::EngineRecord record = infer::load_record(engine.folder).value_or(infer::EngineRecord());
        if (const std::string faster = faster_rival(record); !faster.empty()) return without(faster);
        const bool known = holds(record);
        if (!known) (void)expected();  // the device's memory is for one of the two
        CheckedSession made;
        if (!known || record.verdict.close) made.session = load(engine);
        made.engine = engine;
        if (!known) {
            record = {compare(*made.session), serving_.has_frames, source_.holds_for, record.seconds};
            keep(record, engine.folder);
        }
        const char* since = known && !verdict_ ? ", found out by an earlier run" : "";
        if (!record.verdict.close) {
            made.session.reset();
            return without(record.verdict.text + since);
        }
        made.notes.push_back(fmt::format("{}: {}{}", name(), record.verdict.text, since));
        return made;
    }

    // Whether a record says what this session would find out.
    [[nodiscard]] bool holds(const infer::EngineRecord& record) const {
        const bool compared = !record.verdict.text.empty();
        return compared && record.holds_for == source_.holds_for && (record.on_frames || !serving_.has_frames);
    }

    // For the next runs; who cannot write there compares each time.
    void keep(const infer::EngineRecord& record, const std::filesystem::path& folder) const {
        try {
            infer::save_record(record, folder);
        } catch (const Error& error) {
            core::log::debug("{}: {}", job_.model.path, error.what());
        }
    }

    CheckedSession without(const std::string& reason) {
        CheckedSession made = serving_.fallback();
        auto& said = source_.wish == Wish::asked ? made.fallbacks : made.notes;
        said.push_back(fmt::format("{}: {}: the model runs without it", name(), reason));
        return made;
    }

    // What was measured when the engine was built stands for good, so that a run does not depend on the day.
    [[nodiscard]] std::string faster_rival(const infer::EngineRecord& record) const {
        if (source_.wish == Wish::asked) return "";
        const auto mine = record.seconds.find(own_way());
        for (const auto& [way, seconds] : record.seconds) {
            if (mine == record.seconds.end() || seconds >= mine->second) continue;
            return fmt::format("{:.3f} ms a run, when it was built, and {} {:.3f}", 1e3 * mine->second, way,
                               1e3 * seconds);
        }
        return "";
    }

    CheckedSession not_built() {
        CheckedSession made = serving_.fallback();
        made.notes.push_back(fmt::format("{}: there is no engine yet; a run builds it first", name()));
        return made;
    }

    const infer::EngineJob& job_;
    const EngineSource& source_;
    const Serving& serving_;
    std::atomic<int> pieces_done_ = 0;  // of the engine in the making
    std::atomic<int> pieces_ = 0;
    std::vector<infer::Results> expected_;
    std::optional<infer::Verdict> verdict_;  // of the engine that was built just now
};

}  // namespace

void check_runtime(const Job& job, device::DeviceId device) {
    if (job.model.runtime == ModelRuntime::automatic) return;  // where it needs what is missing it does without
    const std::string asked = fmt::format("--runtime {}", name_of(job.model.runtime));
    if (job.model.path.empty()) {
        throw Error(ErrorCode::usage, fmt::format("{}: there is no model; give one with -m", asked));
    }
    if (device.kind != device::DeviceKind::cuda) {
        throw Error(
            ErrorCode::usage,
            fmt::format("{}: the CPU has one runtime only; give a GPU with --device cuda, or leave it out", asked));
    }
    if (job.model.runtime != ModelRuntime::cuda && job.model.engine_cache.empty()) {
        throw Error(ErrorCode::usage,
                    fmt::format("{}: HOME is not set; say with --engine-cache where engines are kept", asked));
    }
}

std::map<std::string, std::string> comparison_basis(const infer::ModelDescription& model) {
    return {{"millrace", version()},
            {"GPU driver", gpu_driver_version()},
            {"model settings", settings_to_json(model).dump()}};
}

CheckedSession make_engine_session(const infer::EngineJob& job, const EngineSource& source, const Serving& serving,
                                   Earlier earlier) {
    EngineSession session(job, source, serving);
    return earlier == Earlier::with_engine ? session.repeat() : session.make();
}

}  // namespace millrace::engine
