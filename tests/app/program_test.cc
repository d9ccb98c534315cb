// The whole program in this process: exit codes, and what is written where.

#include "app/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/temporary_folder.h"

namespace millrace::app {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

struct Result {
    int code;
    std::string out;
    std::string err;
};

Result program(std::initializer_list<std::string> arguments) {
    std::vector<const char*> argv{"millrace"};
    for (const std::string& argument : arguments) argv.push_back(argument.c_str());
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int code = run_program(static_cast<int>(argv.size()), argv.data());
    Result result{code, testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr()};
    return result;
}

const std::string sample = MILLRACE_SOURCE_DIR "/samples/bbb.mp4";

TEST(Program, HelpGoesToStandardOutput) {
    const Result result = program({"--help"});
    EXPECT_EQ(result.code, 0);
    EXPECT_THAT(result.out, StartsWith("Millrace runs AI models over video"));
    EXPECT_EQ(result.err, "");
}

TEST(Program, UsageErrorsAreOneLineAndCode2) {
    const Result result = program({"run", "-i", "a", "-o", "b", "-prest", "fast"});
    EXPECT_EQ(result.code, 2);
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(result.err, "millrace: error: unknown option '-prest'; did you mean -preset?\n");
}

TEST(Program, ARuntimeForGpusIsNotForTheCpu) {
    for (const char* runtime : {"cuda", "tensorrt"}) {
        const Result result =
            program({"run", "-i", sample, "-o", "none/x.mp4", "-m", "x.onnx", "--device", "cpu", "--runtime", runtime});
        EXPECT_EQ(result.code, 2);
        EXPECT_THAT(result.err, AllOf(HasSubstr(std::string("--runtime ") + runtime + ": the CPU has one runtime only"),
                                      HasSubstr("--device cuda")));
    }
    EXPECT_EQ(program({"run", "-i", sample, "-o", "x.mp4", "--runtime", "cuda:0"}).code, 2);
}

TEST(Program, DevicesSayWhatIsMissingForTensorRt) {
    const Result result = program({"devices", "--ort-library", MILLRACE_ONNXRUNTIME_LIBRARY, "--json"});
    EXPECT_EQ(result.code, 0);
    const json tensorrt = json::parse(result.out).at("tensorrt");
    EXPECT_TRUE(tensorrt.at("version").is_null());
    EXPECT_THAT(tensorrt.at("missing").get<std::string>(), HasSubstr("was built without it"));
}

TEST(Program, ErrorsAreJsonTooWhereJsonIsAskedFor) {
    const Result result = program({"probe", "/no/such/file.mp4", "--json"});
    EXPECT_EQ(result.code, 3);
    EXPECT_THAT(result.err, StartsWith("millrace: error: "));
    const json error = json::parse(result.out).at("error");
    EXPECT_EQ(error.at("code"), "bad_input");
    EXPECT_EQ(error.at("exit_code"), 3);
    EXPECT_THAT(error.at("message").get<std::string>(), HasSubstr("/no/such/file.mp4"));
    EXPECT_EQ(json::parse(program({"run", "--json"}).out).at("error").at("code"), "usage");
}

TEST(Program, QuietIsSilent) {
    const Result result = program({"probe", "/no/such/file.mp4", "-v", "quiet"});
    EXPECT_EQ(result.code, 3);
    EXPECT_EQ(result.out + result.err, "");
}

TEST(Program, ProbeGivesTheSameInBothForms) {
    EXPECT_THAT(program({"probe", sample}).out, HasSubstr("640x360"));
    const json body = json::parse(program({"probe", sample, "--json"}).out);
    EXPECT_EQ(body.at("streams").at(0).at("width"), 640);
}

TEST(Program, RunTellsPeopleOnStandardError) {
    const test::TemporaryFolder folder;
    const std::filesystem::path output = folder / "out.mp4";
    const Result result =
        program({"run", "-i", sample, "-o", output.string(), "--frames", "12", "-preset", "ultrafast"});
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, HasSubstr("out.mp4: 12 frames, 640x360, libx264\n"));
    EXPECT_THAT(result.err, HasSubstr("stage"));
    EXPECT_TRUE(std::filesystem::exists(output));
    EXPECT_FALSE(std::filesystem::exists(output.string() + ".millrace"));
}

TEST(Program, RunTellsProgramsOnStandardOutput) {
    const test::TemporaryFolder temporary;
    const std::filesystem::path folder = temporary.path();
    const Result result =
        program({"run", "-i", sample, "-o", folder / "out.mp4", "--frames", "12", "-preset", "ultrafast", "--json",
                 "--no-progress", "--report", folder / "report.json", "--trace", folder / "trace.json"});
    EXPECT_EQ(result.code, 0) << result.err;
    const json report = json::parse(result.out);
    EXPECT_EQ(report.at("frames").at("muxed"), 12);
    EXPECT_DOUBLE_EQ(report.at("input_seconds"), 0.5);  // 12 frames of 24 a second, the last one's own time included
    std::ifstream report_file(folder / "report.json");
    EXPECT_EQ(json::parse(report_file), report);
    std::ifstream trace_file(folder / "trace.json");
    EXPECT_FALSE(json::parse(trace_file).empty());
}

TEST(Program, RefusesAReportThatCannotBeWrittenBeforeItWorks) {
    const test::TemporaryFolder folder;
    const std::filesystem::path output = folder / "out.mp4";
    const Result result = program({"run", "-i", sample, "-o", output.string(), "--report", "/no/such/folder/r.json"});
    EXPECT_EQ(result.code, 2);
    EXPECT_THAT(result.err, HasSubstr("--report /no/such/folder/r.json: there is no folder '/no/such/folder'"));
    EXPECT_FALSE(std::filesystem::exists(output));
}

}  // namespace
}  // namespace millrace::app
