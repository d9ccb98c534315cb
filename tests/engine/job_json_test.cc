#include "engine/job_json.h"

#include <gtest/gtest.h>
// After gtest.
#include <rapidcheck/gtest.h>

#include <nlohmann/json.hpp>
#include <type_traits>

#include "support/error_of.h"

namespace millrace::engine {
namespace {

using nlohmann::json;

// Each of these names all members of a struct by position: a new member does not compile until it is named here, and
// then the tests fail until src/engine/job_members.h has it too.
void each(InputOptions& options, const auto& set) {
    auto& [path, video_stream, start_us, duration_us, frames, deinterlace, on_corrupt, color_matrix, color_range,
           chroma_location, decoder_threads, rate] = options;
    set(path, video_stream, start_us, duration_us, frames, deinterlace, on_corrupt, color_matrix, color_range,
        chroma_location, decoder_threads, rate);
}
void each(OutputOptions& options, const auto& set) {
    auto& [path, format, video_codec, crf, preset, bit_rate, pixel_format, encoder_options, encoder_threads, odd_size,
           fragmented, audio, subtitles] = options;
    set(path, format, video_codec, crf, preset, bit_rate, pixel_format, encoder_options, encoder_threads, odd_size,
        fragmented, audio, subtitles);
}
void each(ModelOptions& options, const auto& set) {
    auto& [path, settings, batch, threads, workers, batch_timeout, weights, runtime_library, runtime, engine_cache,
           tuning, tune_folder] = options;
    set(path, settings, batch, threads, workers, batch_timeout, weights, runtime_library, runtime, engine_cache, tuning,
        tune_folder);
}
void each(ScriptOptions& options, const auto& set) {
    auto& [path, further, settings, python, workers, timeout] = options;
    set(path, further, settings, python, workers, timeout);
}
void each(RunOptions& options, const auto& set) {
    auto& [device, memory, gpu_memory, lanes, segment_length, journal, overwrite, strictness, trace] = options;
    set(device, memory, gpu_memory, lanes, segment_length, journal, overwrite, strictness, trace);
}
void each(Job& job, const auto& set) {
    auto& [input, output, model, script, run, work_folder] = job;
    each(input, set);
    each(output, set);
    each(model, set);
    each(script, set);
    each(run, set);
    set(work_folder);
}

// The last value of an enum.
template <class E>
constexpr int last = 1;
template <>
constexpr int last<OnCorrupt> = static_cast<int>(OnCorrupt::fail);
template <>
constexpr int last<OddSize> = static_cast<int>(OddSize::crop);
template <>
constexpr int last<ModelRuntime> = static_cast<int>(ModelRuntime::tensorrt);

/// Something else than the default.
struct Other {
    void one(std::string& text) const { text += "other"; }
    void one(bool& flag) const { flag = !flag; }
    template <class T>
        requires std::is_arithmetic_v<T>
    void one(T& number) const {
        number += 1;
    }
    void one(std::chrono::milliseconds& time) const { time += std::chrono::milliseconds(1); }
    template <class E>
        requires std::is_enum_v<E>
    void one(E& value) const {
        value = static_cast<E>(static_cast<int>(value) == 0 ? last<E> : 0);
    }
    void one(std::map<std::string, std::string>& settings) const { settings["key"] = "value"; }
    void one(std::vector<std::string>& texts) const { texts.emplace_back("other"); }
    void one(std::vector<std::pair<std::string, std::string>>& pairs) const { pairs.emplace_back("key", "value"); }
    template <class T>
    void one(std::optional<T>& value) const {
        one(value.emplace());
    }
    void operator()(auto&... values) const { (one(values), ...); }
};

/// Anything.
struct Any {
    template <class T>
    void one(T& value) const {
        value = *rc::gen::arbitrary<T>();
    }
    void one(std::chrono::milliseconds& time) const {
        time = std::chrono::milliseconds(*rc::gen::arbitrary<std::int64_t>());
    }
    template <class E>
        requires std::is_enum_v<E>
    void one(E& value) const {
        value = static_cast<E>(*rc::gen::inRange(0, last<E> + 1));
    }
    template <class T>
    void one(std::optional<T>& value) const {
        if (*rc::gen::arbitrary<bool>()) one(value.emplace());
    }
    void operator()(auto&... values) const { (one(values), ...); }
};

RC_GTEST_PROP(JobJson, EveryJobSurvives, ()) {
    Job job;
    each(job, Any{});
    RC_ASSERT(job_from_json(to_json(job)) == job);
}

TEST(JobJson, HasEveryMember) {
    Job job;
    each(job, Other{});
    EXPECT_FALSE(job == Job{});
    EXPECT_TRUE(job_from_json(to_json(job)) == job) << to_json(job);
}

TEST(JobJson, IsOneLineOfNamesAndLeavesOutEmptyOptionals) {
    Job job;
    job.input.path = "in.mp4";
    job.output.crf = 18.5;
    job.model.precision = Precision::fp16;
    job.script.settings["gain"] = "1.5";
    const std::string text = to_json(job);
    EXPECT_EQ(text.find('\n'), std::string::npos);
    const json object = json::parse(text);
    EXPECT_EQ(object["input"]["path"], "in.mp4");
    EXPECT_EQ(object["input"]["on_corrupt"], "conceal");
    EXPECT_EQ(object["output"]["crf"], 18.5);
    EXPECT_FALSE(object["output"].contains("bit_rate"));
    EXPECT_EQ(object["model"]["precision"], "fp16");
    EXPECT_EQ(object["model"]["batch_timeout_ms"], 50);
    EXPECT_EQ(object["script"]["settings"], (json{{"gain", "1.5"}}));
    EXPECT_EQ(object["run"]["device"], "cpu");
}

TEST(JobJson, PathsNeedNotBeUtf8) {
    Job job;
    job.input.path = "caf\xe9.mp4";
    job.output.path = "caf\xc3\xa9.mp4";
    const json object = json::parse(to_json(job));
    EXPECT_EQ(object["input"]["path"], std::string("\0", 1) + "636166e92e6d7034");
    EXPECT_EQ(object["output"]["path"], "caf\xc3\xa9.mp4");
    EXPECT_TRUE(job_from_json(object.dump()) == job);
}

TEST(JobJson, WhatIsLeftOutIsTheDefault) { EXPECT_TRUE(job_from_json("{}") == Job{}); }

std::string refusal(const std::string& text) {
    return test::message_of(core::ErrorCode::usage, [&text] { (void)job_from_json(text); });
}

TEST(JobJson, SaysWhatIsWrong) {
    EXPECT_EQ(refusal("{"), "job: expected JSON, found something else");
    EXPECT_EQ(refusal("[]"), "job: expected an object, found []");
    EXPECT_EQ(refusal(R"({"script": 1})"), "job.script: expected an object, found 1");
    EXPECT_EQ(refusal(R"({"script": {"speed": 1, "colour": 2}})"),
              "job.script: unknown keys: colour, speed; known are path, further, settings, python, workers, timeout");
    EXPECT_EQ(refusal(R"({"model": {"batch": 2147483648}})"),
              "job.model.batch: expected an integer from -2147483648 to 2147483647, found 2147483648");
    EXPECT_EQ(refusal(R"({"run": {"memory": -1}})"),
              "job.run.memory: expected an integer from 0 to 18446744073709551615, found -1");
    EXPECT_EQ(refusal(R"({"run": {"lanes": 1.5}})"),
              "job.run.lanes: expected an integer from -2147483648 to 2147483647, found 1.5");
    EXPECT_EQ(refusal(R"({"run": {"trace": "yes"}})"), "job.run.trace: expected true or false, found \"yes\"");
    EXPECT_EQ(refusal(R"({"output": {"crf": null}})"), "job.output.crf: expected a number, found null");
    EXPECT_EQ(refusal(R"({"output": {"odd_size": "round"}})"),
              "job.output.odd_size: expected one of refuse, pad, crop, found \"round\"");
    EXPECT_EQ(refusal(R"({"output": {"encoder_options": [["tune"]]}})"),
              "job.output.encoder_options: expected an array of [key, value], found [[\"tune\"]]");
    EXPECT_EQ(refusal(R"({"script": {"settings": {"gain": 2}}})"),
              "job.script.settings.gain: expected a string, found 2");
    EXPECT_EQ(refusal(R"({"input": {"path": "\u0000e"}})"),
              R"(job.input.path: expected bytes in hexadecimal after U+0000, found "\u0000e")");
}

}  // namespace
}  // namespace millrace::engine
