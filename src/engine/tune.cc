#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "core/error.h"
#include "engine/device_choice.h"
#include "engine/machine.h"
#include "engine/tune_live.h"
#include "engine/tune_meter.h"
#include "engine/tune_store.h"
#include "engine/tune_whole.h"
#include "engine/tune_why.h"
#include "engine/tuning.h"
#include "millrace/engine.h"

namespace millrace {

namespace {

using engine::ModelMeter;
using engine::TunedSettings;
using engine::TunePoint;
using engine::WholeRun;
using nlohmann::json;

constexpr double model_share = 0.6;       // of the time, for the model by itself
constexpr double engine_seconds = 240;    // that must be left to build an engine
constexpr double enough_of_model = 0.97;  // of the model's own rate: other lanes cannot move a run
constexpr int most_batch = 1024;
constexpr std::int64_t pilot_frames = 48;  // of the first whole run, which says how long others take
constexpr double whole_runs = 8;           // that the time left is meant for
constexpr double longest_whole = 6;        // seconds of one of them, unless enough_frames take longer

bool computes_in_half(const infer::RuntimeChoice& choice) {
    return choice.weights == infer::Weights::fp16 || choice.provider == infer::Provider::fused;
}

json to_json(const TunePoint& point, const char* axis) {
    return {{"axis", axis},           {"settings", engine::to_json(point.settings)},
            {"fps", point.fps()},     {"spread", point.spread()},
            {"frames", point.frames}, {"run_seconds", point.run_seconds}};
}

json to_json(const std::optional<engine::FewFrames>& few) {
    if (!few) return nullptr;
    json body{{"frames", few->frames}, {"time", nullptr}, {"longer_clip", few->longer_clip}};
    if (few->seconds > 0) body["time"] = few->seconds;
    return body;
}

// What runs compute in where nothing else is tuned.
const char* precision_of(const ModelOptions& asked, const ModelMeter& meter) {
    if (!meter.on_gpu() || asked.precision == Precision::fp32) return "fp32";
    if (asked.precision == Precision::tf32) return "tf32";
    return computes_in_half(meter.choice()) ? "fp16" : "fp32";
}

// One tuning, from the job to its result.
class Tuner {
  public:
    Tuner(const Job& job, const TuneOptions& options, const std::function<void(const std::string&)>& progress,
          const std::stop_token& stop)
        : asked_(job), options_(options), progress_(progress), stop_(stop), time_(options.seconds), runs_(job, stop) {
        building_ = [this](const engine::BuildState& state) {
            if (state.seconds == 0) say("building the model's engine first");
        };
    }

    json run() {
        meter_.emplace(runs_.job(), stop_, building_, seconds_of_a_point());
        describe();
        initial_ = meter_->initial();
        if (options_.live_fps) return live();
        sweep_batches(initial_);
        if (points_.empty()) throw core::Error(core::ErrorCode::out_of_memory, asked_.model.path + ": " + last_end_);
        if (!meter_->on_gpu()) sweep_threads();
        try_full();
        try_engine();
        found_ = engine::choose(points_).settings;
        meter_.reset();  // its memory is the runs'
        compare_whole();
        return result();
    }

  private:
    void say(const std::string& line) const {
        if (progress_) progress_(line);
    }

    void end(const char* axis, const std::string& why) {
        body_["ended"].push_back({{"axis", axis}, {"why", why}});
        last_end_ = why;
        say(fmt::format("{}: {}", axis, why));
    }

    void describe() {
        const engine::PreparedJob& prepared = meter_->prepared();
        const pipeline::ModelPlan& plan = meter_->plan();
        body_["model"] = asked_.model.path;
        body_["input"] = asked_.input.path;
        body_["device"] = engine::device_names(prepared.devices);
        body_["machine"] = engine::processor_text();
        if (meter_->on_gpu()) body_["machine"] = engine::kind_of(prepared.devices.front());
        body_["runtime"] = prepared.model->runtime.version;
        body_["precision"] = precision_of(asked_.model, *meter_);
        body_["model_input"] = {plan.input.width, plan.input.height};
        body_["frame"] = {plan.frame.width, plan.frame.height};
        body_["points"] = json::array();
        body_["whole"] = json::array();
        body_["ended"] = json::array();
        segments_ = static_cast<int>(prepared.job.input.segments.size());
        most_lanes_ = prepared.job.limits.lanes;
        encoder_ = engine::encoder_text(runs_.job(), plan.model);
        key_ = engine::tune_key(*prepared.model, {prepared.devices, plan.frame, plan.input});
    }

    // nullptr: it could not be measured, which `axis` ends with.
    const TunePoint* measure(const char* axis, ModelMeter& meter, const TunedSettings& settings) {
        engine::Metered metered = meter.measure(settings);
        if (!metered.point) {
            end(axis, fmt::format("{}: {}", engine::to_text(settings), metered.why));
            return nullptr;
        }
        points_.push_back(std::move(*metered.point));
        const TunePoint& point = points_.back();
        body_["points"].push_back(to_json(point, axis));
        figures_.push_back({point.fps(), point.frames});
        say(fmt::format("model alone, {}: {:.2f} fps over {}", engine::to_text(settings), point.fps(),
                        engine::frames_text(point.frames)));
        return &point;
    }

    [[nodiscard]] double seconds_of_a_point() const { return time_.whole() * engine::share_of_a_point; }
    [[nodiscard]] double model_time_left() const { return time_.whole() * model_share - time_.spent(); }

    // False: there is no time for `next`, which `axis` ends with.
    bool has_time_for(const char* axis, const ModelMeter& meter, const TunedSettings& next) {
        const double expected = meter.expected_seconds(points_.back(), next);
        if (expected <= model_time_left()) return true;
        end(axis, fmt::format("no time: {} would take about {:.0f} s, of which {:.0f} are left; --time gives more",
                              engine::to_text(next), expected, std::max(0.0, model_time_left())));
        return false;
    }

    void sweep_batches(const TunedSettings& from) {
        if (measure("batch", *meter_, from) == nullptr) return;
        const bool open = !asked_.model.batch && engine::batch_is_open(meter_->plan().model);
        if (!open) {
            return end("batch", asked_.model.batch ? fmt::format("{}, as asked for", *asked_.model.batch)
                                                   : fmt::format("{}, as the model has it", from.batch));
        }
        std::vector<double> rates{points_.back().fps()};
        for (TunedSettings next = from; engine::still_rises(rates);) {
            next.batch *= 2;
            if (next.batch > most_batch) return end("batch", fmt::format("{} is the most", most_batch));
            if (!has_time_for("batch", *meter_, next)) return;
            const TunePoint* point = measure("batch", *meter_, next);
            if (point == nullptr) return;
            rates.push_back(point->fps());
        }
        end("batch", fmt::format("two doublings in a row gained less than {:.0f} %", 100 * engine::still_a_gain));
    }

    void sweep_threads() {
        const ModelOptions& asked = asked_.model;
        if (asked.threads || asked.workers) return end("threads", "as asked for");
        const TunedSettings best = engine::choose(points_).settings;
        const int cores = engine::machine_cores();
        const bool alone = meter_->plan().model.order == infer::Order::sequential;
        for (const int threads : engine::thread_counts(cores)) {
            TunedSettings next = best;
            next.threads = threads;
            next.workers = alone ? 1 : std::max(1, cores / threads);
            if (next.threads == best.threads && next.workers == best.workers) continue;
            if (!has_time_for("threads", *meter_, next)) return;
            if (measure("threads", *meter_, next) == nullptr) return;
        }
        const TunedSettings now = engine::choose(points_).settings;
        if (now.threads != best.threads && engine::batch_is_open(meter_->plan().model) && !asked.batch) {
            again_with(now);
        }
        end("threads", fmt::format("all of 1 to {} were tried", cores));
    }

    // Another share of the cores may want another batch.
    void again_with(TunedSettings settings) {
        std::vector<double> rates{points_.back().fps()};
        for (settings.batch *= 2; engine::still_rises(rates) && settings.batch <= most_batch; settings.batch *= 2) {
            if (!has_time_for("batch", *meter_, settings)) return;
            const TunePoint* point = measure("batch", *meter_, settings);
            if (point == nullptr) return;
            rates.push_back(point->fps());
        }
    }

    // Of a job with this precision and runtime; nullopt: what `axis` ended with.
    std::optional<ModelMeter> prepared_with(const char* axis, const TunedSettings& settings) {
        Job job = runs_.job();
        engine::take_up(job, settings);
        try {
            return std::optional<ModelMeter>(std::in_place, job, stop_, building_, seconds_of_a_point());
        } catch (const core::Error& error) {
            if (error.code() == core::ErrorCode::interrupted) throw;
            end(axis, error.what());
            return std::nullopt;
        }
    }

    // Where float16 is taken by itself, whether it is worth it.
    void try_full() {
        if (!meter_->on_gpu()) return end("precision", "float32: the CPU computes in no other");
        if (asked_.model.precision != Precision::automatic) return end("precision", "as asked for");
        if (!computes_in_half(meter_->choice())) return end("precision", "float32, as float16 is not taken by itself");
        if (model_time_left() <= 0) return end("precision", "float16; no time for float32; --time gives more");
        TunedSettings full = engine::choose(points_).settings;
        full.fp32 = true;
        auto meter = prepared_with("precision", full);
        if (!meter) return;
        std::vector<double> rates;
        for (; engine::still_rises(rates) && full.batch <= most_batch; full.batch *= 2) {
            if (!rates.empty() && !has_time_for("precision", *meter, full)) return;
            const TunePoint* point = measure("precision", *meter, full);
            if (point == nullptr) return;
            rates.push_back(point->fps());
            if (asked_.model.batch || !engine::batch_is_open(meter->plan().model)) break;
        }
        end("precision", "float16, which was compared with float32 on frames of the clip, and float32 were measured");
    }

    void try_engine() {
        if (!meter_->on_gpu()) return end("provider", "on the CPU there is one");
        if (asked_.model.runtime != ModelRuntime::automatic) return end("provider", "as asked for");
        if (time_.left() < engine_seconds) {
            return end("provider", fmt::format("TensorRT is not tried: it builds an engine for minutes; --time {:.0f} "
                                               "gives it the time",
                                               time_.spent() + 2 * engine_seconds));
        }
        TunedSettings next = engine::choose(points_).settings;
        next.tensorrt = true;
        auto meter = prepared_with("provider", next);
        if (!meter) return;
        if (meter->choice().provider != infer::Provider::tensorrt) {
            const auto& said = meter->prepared().fallbacks;
            return end("provider", said.empty() ? "TensorRT does not run this model" : said.front());
        }
        if (measure("provider", *meter, next) != nullptr) end("provider", "CUDA and TensorRT were compared");
    }

    WholeRun whole(const TunedSettings& settings, std::int64_t frames, const char* what) {
        WholeRun run = runs_.run(settings, frames);
        if (run.frames < frames) clip_frames_ = run.frames;
        body_["whole"].push_back({{"what", what},
                                  {"settings", engine::to_json(settings)},
                                  {"fps", run.fps},
                                  {"lanes", run.lanes},
                                  {"frames", run.frames},
                                  {"limits", run.limiting_stage}});
        say(fmt::format("whole run, {}: {:.2f} fps over {}", what, run.fps, engine::frames_text(run.frames)));
        return run;
    }

    // One that a choice stands on.
    WholeRun compared(const TunedSettings& settings, const char* what) {
        WholeRun run = whole(settings, frames_, what);
        figures_.push_back({run.fps, run.frames, run.frames >= clip_frames_});
        return run;
    }

    // Of whole runs at so many frames a second.
    [[nodiscard]] double seconds_for_one(double rate) const {
        const double longest = std::max(longest_whole, engine::enough_frames / rate);
        return std::min(longest, std::max(0.0, time_.left()) / whole_runs);
    }

    // The settings found must hold beside decoder and encoder, too; then lanes.
    void compare_whole() {
        const double rate = engine::choose(points_).fps();
        const double for_one = seconds_for_one(rate);
        const auto pilot = std::clamp(std::int64_t{std::llround(rate * for_one)}, std::int64_t{1}, pilot_frames);
        if (static_cast<double>(pilot) / rate > 2 * std::max(0.0, time_.left())) {
            return end("lanes", "no time is left for a whole run; --time gives more");
        }
        const WholeRun first = whole(initial_, pilot, "to see how long it takes");
        const double fps = std::max(first.fps, 1e-3);
        frames_ = std::clamp(std::int64_t{std::llround(fps * seconds_for_one(fps))}, first.frames, clip_frames_);
        if (2 * static_cast<double>(frames_) / fps > time_.left()) {
            figures_.push_back({first.fps, first.frames, first.frames >= clip_frames_});  // there is nothing better
            return end("lanes", "no time is left for whole runs; --time gives more");
        }
        WholeRun plain = compared(initial_, "without tuning");
        if (found_ == initial_) return sweep_lanes(plain, rate);
        WholeRun tuned = compared(found_, "with what was found");
        // Once more each: what else the machine does comes and goes.
        plain.fps = (plain.fps + compared(initial_, "without tuning").fps) / 2;
        tuned.fps = (tuned.fps + compared(found_, "with what was found").fps) / 2;
        const double slower = 1 - tuned.fps / std::max(plain.fps, 1e-3);
        if (const std::string why = engine::why_not({found_, initial_, slower, tuned.frames}); !why.empty()) {
            end("whole run", why);
            found_ = initial_;
            tuned = plain;
        }
        sweep_lanes(tuned, rate);
    }

    void sweep_lanes(const WholeRun& base, double model_rate) {
        if (asked_.run.lanes > 0) return end("lanes", "as asked for");
        if (segments_ < 2) return end("lanes", "the clip is worked on as one segment, which has one lane");
        if (base.fps >= enough_of_model * model_rate) {
            return end("lanes", fmt::format("the whole run reaches {:.0f} % of the model's own rate, so that other "
                                            "lanes cannot move it",
                                            100 * base.fps / model_rate));
        }
        std::vector<double> rates{base.fps};
        std::vector<int> lanes{0};
        for (int next = 1;
             next <= std::min(most_lanes_, segments_) && engine::still_rises({rates.begin() + 1, rates.end()});
             next *= 2) {
            if (1.5 * static_cast<double>(frames_) / base.fps > time_.left()) {
                end("lanes", "no time is left; --time gives more");
                break;
            }
            TunedSettings settings = found_;
            settings.lanes = next;
            rates.push_back(compared(settings, "lanes").fps);
            lanes.push_back(next);
        }
        const engine::LanesChoice choice = engine::choose_lanes(rates, lanes, base.frames);
        found_.lanes = choice.lanes;
        end("lanes", choice.why);
    }

    json live() {
        engine::measure_live(*meter_, {*options_.live_fps, asked_, time_, stop_}, progress_, body_);
        body_["seconds"] = time_.spent();
        return std::move(body_);
    }

    json result() {
        body_["chosen"] = engine::to_json(found_);
        body_["chosen_text"] = engine::to_text(found_);
        body_["few"] = to_json(engine::few_of(figures_));
        body_["seconds"] = time_.spent();
        body_["stored"] = nullptr;
        if (options_.result == Keep::no || asked_.model.tune_folder.empty()) return std::move(body_);
        const engine::TuneStore store(asked_.model.tune_folder);
        body_["stored"] =
            store.save(key_, {found_, encoder_, 0, ""}, {{"points", body_["points"]}, {"whole", body_["whole"]}});
        return std::move(body_);
    }

    const Job& asked_;
    const TuneOptions& options_;
    const std::function<void(const std::string&)>& progress_;
    std::stop_token stop_;
    engine::TimeLeft time_;
    engine::WholeRuns runs_;
    engine::Building building_;
    std::optional<ModelMeter> meter_;  ///< as the job asks for it
    engine::TuneKey key_;
    std::string encoder_;
    TunedSettings initial_;
    TunedSettings found_;
    std::vector<TunePoint> points_;
    std::vector<engine::Figure> figures_;                                  ///< that the choice stands on
    std::int64_t frames_ = 0;                                              ///< of a whole run
    std::int64_t clip_frames_ = std::numeric_limits<std::int64_t>::max();  ///< once a run has had all of them
    int segments_ = 0;
    int most_lanes_ = 0;
    std::string last_end_;  ///< why a search ended
    json body_ = json::object();
};

}  // namespace

std::string tune_json(const Job& job, const TuneOptions& options,
                      const std::function<void(const std::string&)>& progress, const std::stop_token& stop) {
    if (job.model.path.empty()) {
        throw core::Error(core::ErrorCode::usage, "tune needs a model (-m FILE): without one there is nothing to find");
    }
    if (job.input.path == "-") {
        throw core::Error(core::ErrorCode::usage,
                          "tune reads its clip several times, found standard input (-i -); name a file");
    }
    return Tuner(job, options, progress, stop).run().dump(2, ' ', false, json::error_handler_t::replace);
}

}  // namespace millrace
