#include "app/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "app/options.h"
#include "app/values.h"
#include "core/error.h"
#include "support/error_of.h"

namespace millrace::app {
namespace {

using millrace::test::message_of;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

std::vector<std::string> words(const std::string& line) {
    std::vector<std::string> out;
    for (const std::string_view word : split(line, ' ')) out.emplace_back(word);
    return out;
}

RunCommand parse_run(const std::string& options) {
    return std::get<RunCommand>(parse_command_line(words("run -i in.mp4 -o out.mp4 -m m.onnx " + options)).action);
}

/// The message of the usage error that parsing throws; fails the test where it throws nothing or something else.
std::string usage_error(const std::vector<std::string>& arguments) {
    return message_of(core::ErrorCode::usage, [&] { (void)parse_command_line(arguments); });
}

std::string usage_error(const std::string& line) { return usage_error(words(line)); }

TEST(RunOptions, DefaultsAreWhatAJobSays) {
    const RunCommand command = parse_run("");
    EXPECT_EQ(command.job.input.path, "in.mp4");
    EXPECT_EQ(command.job.output.path, "out.mp4");
    EXPECT_EQ(command.job.run.overwrite, Overwrite::refuse);
    EXPECT_EQ(command.job.run.journal, Continue::resume);
    EXPECT_EQ(command.job.run.strictness, Strictness::lenient);
    EXPECT_FALSE(command.job.output.crf);
    EXPECT_FALSE(command.job.input.start_us);
    EXPECT_TRUE(command.report_path.empty());
    EXPECT_FALSE(command.job.run.trace);
}

struct Case {
    std::string options;
    std::function<bool(const RunCommand&)> holds;
};

class RunOption : public testing::TestWithParam<Case> {};

TEST_P(RunOption, ReachesTheJob) {
    const RunCommand command = parse_run(GetParam().options);
    EXPECT_TRUE(GetParam().holds(command)) << GetParam().options;
}

using C = const RunCommand&;

INSTANTIATE_TEST_SUITE_P(Files, RunOption,
                         testing::Values(Case{"-y", [](C c) { return c.job.run.overwrite == Overwrite::replace; }},
                                         Case{"--input other.mkv", [](C c) { return c.job.input.path == "other.mkv"; }},
                                         Case{"-i -", [](C c) { return c.job.input.path == "-"; }},
                                         Case{"-o -", [](C c) { return c.job.output.path == "-"; }},
                                         Case{"-o [x]", [](C c) { return c.job.output.path == "[x]"; }},
                                         Case{"--output=-x.mp4", [](C c) { return c.job.output.path == "-x.mp4"; }},
                                         Case{"-f matroska", [](C c) { return c.job.output.format == "matroska"; }},
                                         Case{"--fragmented", [](C c) { return c.job.output.fragmented; }},
                                         Case{"--work-folder w", [](C c) { return c.job.work_folder == "w"; }}));

INSTANTIATE_TEST_SUITE_P(
    Frames, RunOption,
    testing::Values(Case{"-ss 1:30.25 -t 10",
                         [](C c) {
                             return c.job.input.start_us == 90'250'000 && c.job.input.duration_us == 10'000'000;
                         }},
                    Case{"--start 90 --duration 500ms",
                         [](C c) { return c.job.input.start_us == 90'000'000 && c.job.input.duration_us == 500'000; }},
                    Case{"--frames 25", [](C c) { return c.job.input.frames == 25; }},
                    Case{"-frames:v 25", [](C c) { return c.job.input.frames == 25; }},
                    Case{"-map v:1", [](C c) { return c.job.input.video_stream == 1; }},
                    Case{"-map 0:v:2", [](C c) { return c.job.input.video_stream == 2; }},
                    Case{"-map 0:v", [](C c) { return c.job.input.video_stream == 0; }},
                    Case{"--deinterlace", [](C c) { return c.job.input.deinterlace == Deinterlacing::bwdif; }},
                    Case{"--on-corrupt drop", [](C c) { return c.job.input.on_corrupt == OnCorrupt::drop; }},
                    Case{"--on-corrupt fail", [](C c) { return c.job.input.on_corrupt == OnCorrupt::fail; }},
                    Case{"--on-corrupt fail --on-corrupt conceal",
                         [](C c) { return c.job.input.on_corrupt == OnCorrupt::conceal; }},
                    Case{"--color-matrix bt709", [](C c) { return c.job.input.color_matrix == "bt709"; }},
                    Case{"--color-range full", [](C c) { return c.job.input.color_range == "full"; }},
                    Case{"--chroma-location topleft", [](C c) { return c.job.input.chroma_location == "topleft"; }},
                    Case{"--input-rate 29.97", [](C c) { return c.job.input.rate == "30000/1001"; }},
                    Case{"-framerate 50/2", [](C c) { return c.job.input.rate == "25/1"; }},
                    Case{"--decoder-threads 2", [](C c) { return c.job.input.decoder_threads == 2; }}));

INSTANTIATE_TEST_SUITE_P(
    Encoding, RunOption,
    testing::Values(Case{"-c:v libx265", [](C c) { return c.job.output.video_codec == "libx265"; }},
                    Case{"-vcodec libx265", [](C c) { return c.job.output.video_codec == "libx265"; }},
                    Case{"--video-codec=ffv1", [](C c) { return c.job.output.video_codec == "ffv1"; }},
                    Case{"-crf 20.5", [](C c) { return c.job.output.crf == 20.5; }},
                    Case{"--crf=18", [](C c) { return c.job.output.crf == 18.0; }},
                    Case{"-crf=18", [](C c) { return c.job.output.crf == 18.0; }},
                    Case{"-crf 18 -crf 30", [](C c) { return c.job.output.crf == 30.0; }},
                    Case{"-b:v 5M", [](C c) { return c.job.output.bit_rate == 5'000'000; }},
                    Case{"-b:v 800k", [](C c) { return c.job.output.bit_rate == 800'000; }},
                    Case{"-b:v 1.5M", [](C c) { return c.job.output.bit_rate == 1'500'000; }},
                    Case{"-preset veryfast", [](C c) { return c.job.output.preset == "veryfast"; }},
                    Case{"-pix_fmt yuv420p10le", [](C c) { return c.job.output.pixel_format == "yuv420p10le"; }},
                    Case{"-threads 3", [](C c) { return c.job.output.encoder_threads == 3; }},
                    Case{"--pad", [](C c) { return c.job.output.odd_size == OddSize::pad; }},
                    Case{"--crop", [](C c) { return c.job.output.odd_size == OddSize::crop; }},
                    Case{"-an",
                         [](C c) { return c.job.output.audio == Keep::no && c.job.output.subtitles == Keep::yes; }},
                    Case{"--no-audio -sn",
                         [](C c) { return c.job.output.audio == Keep::no && c.job.output.subtitles == Keep::no; }}));

INSTANTIATE_TEST_SUITE_P(
    Model, RunOption,
    testing::Values(
        Case{"-m x2.onnx", [](C c) { return c.job.model.path == "x2.onnx"; }},
        Case{"--input-range 255", [](C c) { return c.job.model.settings.at("input.range") == "255"; }},
        Case{"--input-color bgr", [](C c) { return c.job.model.settings.at("input.color") == "bgr"; }},
        Case{"--input-size 224x160", [](C c) { return c.job.model.settings.at("input.size") == "[224, 160]"; }},
        Case{"--fit letterbox", [](C c) { return c.job.model.settings.at("input.fit") == "letterbox"; }},
        Case{"--tile 256x128+16", [](C c) { return c.job.model.settings.at("tile") == "[256, 128, 16]"; }},
        Case{"--tile 256x128", [](C c) { return c.job.model.settings.at("tile") == "[256, 128, 0]"; }},
        Case{"--window 1,2", [](C c) { return c.job.model.settings.at("window") == "[1, 2]"; }},
        Case{"--set-model output.kind=data", [](C c) { return c.job.model.settings.at("output.kind") == "data"; }},
        Case{"--set-model a=b=c", [](C c) { return c.job.model.settings.at("a") == "b=c"; }},
        Case{"--batch 8", [](C c) { return c.job.model.batch == 8; }},
        Case{"--batch-timeout 20ms", [](C c) { return c.job.model.batch_timeout.count() == 20; }},
        Case{"--model-threads 2 --model-workers 3",
             [](C c) { return c.job.model.threads == 2 && c.job.model.workers == 3; }},
        Case{"--fp16", [](C c) { return c.job.model.precision == Precision::fp16; }},
        Case{"--precision fp32", [](C c) { return c.job.model.precision == Precision::fp32; }},
        Case{"--precision tf32", [](C c) { return c.job.model.precision == Precision::tf32; }},
        Case{"--precision fp16 --fp16", [](C c) { return c.job.model.precision == Precision::fp16; }},
        Case{"--precision tf32 --precision auto", [](C c) { return c.job.model.precision == Precision::automatic; }},
        Case{"--runtime auto", [](C c) { return c.job.model.runtime == ModelRuntime::automatic; }},
        Case{"--runtime cuda", [](C c) { return c.job.model.runtime == ModelRuntime::cuda; }},
        Case{"--runtime tensorrt --engine-cache /e",
             [](C c) { return c.job.model.runtime == ModelRuntime::tensorrt && c.job.model.engine_cache == "/e"; }},
        Case{"--ort-library /x.so", [](C c) { return c.job.model.runtime_library == "/x.so"; }}));

INSTANTIATE_TEST_SUITE_P(
    Running, RunOption,
    testing::Values(Case{"-d cuda:0", [](C c) { return c.job.run.device == "cuda:0"; }},
                    Case{"--memory 2G", [](C c) { return c.job.run.memory == std::size_t{2} << 30U; }},
                    Case{"--memory 512MiB", [](C c) { return c.job.run.memory == std::size_t{512} << 20U; }},
                    Case{"--lanes 4", [](C c) { return c.job.run.lanes == 4; }},
                    Case{"--segment-length 2.5", [](C c) { return c.job.run.segment_length == 2.5; }},
                    Case{"--restart", [](C c) { return c.job.run.journal == Continue::restart; }},
                    Case{"--strict", [](C c) { return c.job.run.strictness == Strictness::strict; }},
                    Case{"--report r.json", [](C c) { return c.report_path == "r.json" && !c.job.run.trace; }},
                    Case{"--trace t.json", [](C c) { return c.trace_path == "t.json" && c.job.run.trace; }}));

Job parse_script(const std::string& options) {
    return std::get<RunCommand>(parse_command_line(words("run -i in.mp4 -o out.mp4 --script s.py " + options)).action)
        .job;
}

TEST(ScriptOptions, ReachTheJob) {
    ScriptOptions expected;
    expected.path = "s.py";
    EXPECT_TRUE(parse_script("").script == expected);
    expected.settings = {{"gain", "1.5"}, {"name", "a=b"}};
    expected.python = "/env/bin/python";
    expected.workers = 3;
    expected.timeout = 2.5;
    EXPECT_TRUE(parse_script("--set gain=1 --set name=a=b --set gain=1.5 --python /env/bin/python --script-workers 3 "
                             "--script-timeout 2500ms")
                    .script == expected);
}

TEST(ScriptOptions, SeveralAreAChain) {
    const ScriptOptions script = parse_script("--script t.py --script u.py").script;
    EXPECT_EQ(script.path, "s.py");
    EXPECT_EQ(script.further, (std::vector<std::string>{"t.py", "u.py"}));
}

TEST(ScriptOptions, AScriptMayNeedNoInput) {
    const auto command = std::get<RunCommand>(parse_command_line(words("run -o out.mp4 --script s.py")).action);
    EXPECT_EQ(command.job.input.path, "");
}

TEST(ScriptOptions, TheBatchIsTheModels) { EXPECT_EQ(parse_script("--batch 4").model.batch, 4); }

TEST(ScriptOptions, AnEmptyValueIsAValue) { EXPECT_EQ(parse_script("--set name=").script.settings.at("name"), ""); }

TEST(RunOptions, EncoderOptionsAreKeptInOrder) {
    EXPECT_THAT(parse_run("-e tune=film -e x264-params=a=1:b=2 -e tune=grain").job.output.encoder_options,
                ElementsAre(Pair("tune", "film"), Pair("x264-params", "a=1:b=2"), Pair("tune", "grain")));
}

TEST(CommonOptions, AreRead) {
    const CommandLine line = parse_command_line(words("run -i a -o b --json --no-progress -v debug"));
    EXPECT_EQ(line.common.format, Format::json);
    EXPECT_EQ(line.common.progress, ProgressDisplay::hidden);
    EXPECT_EQ(line.common.level, core::log::Level::debug);
    EXPECT_EQ(parse_command_line(words("devices -v quiet")).common.level, core::log::Level::quiet);
}

TEST(OtherCommands, TakeTheirFiles) {
    EXPECT_EQ(std::get<ProbeCommand>(parse_command_line(words("probe in.mp4")).action).job.input.path, "in.mp4");
    EXPECT_EQ(std::get<ProbeCommand>(parse_command_line(words("probe -i run -m m.onnx")).action).job.input.path, "run");
    EXPECT_EQ(std::get<ProbeCommand>(parse_command_line(words("probe -- -x.mp4")).action).job.input.path, "-x.mp4");
    EXPECT_EQ(std::get<ModelShowCommand>(parse_command_line(words("model show m.onnx --batch 4")).action).model.batch,
              4);
    const auto check = std::get<ScriptCheckCommand>(
        parse_command_line(words("script check x.py --set gain=2 --size 64x36 --batch 4 --python py")).action);
    EXPECT_EQ(check.script.path, "x.py");
    EXPECT_THAT(check.script.settings, testing::ElementsAre(testing::Pair("gain", "2")));
    EXPECT_EQ(check.script.python, "py");
    EXPECT_EQ(check.size, (std::array{64, 36}));
    const auto limited =
        std::get<ScriptCheckCommand>(parse_command_line(words("script check x.py --script-timeout 1.5")).action);
    EXPECT_EQ(limited.script.timeout, 1.5);
    EXPECT_FALSE(limited.size);
    const auto chain =
        std::get<ScriptCheckCommand>(parse_command_line(words("script check x.py y.py --script z.py")).action);
    EXPECT_THAT(all_paths(chain.script), testing::ElementsAre("x.py", "y.py", "z.py"));
    EXPECT_EQ(check.batch, 4);
    EXPECT_EQ(std::get<BenchCommand>(parse_command_line(words("bench -i a.mp4 -m m.onnx")).action).job.model.path,
              "m.onnx");
    const auto tune = std::get<TuneCommand>(
        parse_command_line(words("tune -i a.mp4 -m m.onnx --time 2:00 --live 29.97 --no-store --plot a.svg")).action);
    EXPECT_EQ(tune.job.model.path, "m.onnx");
    EXPECT_EQ(tune.options.seconds, 120);
    EXPECT_EQ(tune.options.live_fps, 29.97);
    EXPECT_EQ(tune.options.result, Keep::no);
    EXPECT_EQ(tune.plot_path, "a.svg");
    EXPECT_EQ(std::get<RunCommand>(parse_command_line(words("run -i a -o b -m m --no-tune")).action).job.model.tuning,
              Tuning::ignore);
    EXPECT_EQ(std::get<DevicesCommand>(parse_command_line(words("devices --ort-library x")).action).runtime_library,
              "x");
    EXPECT_TRUE(std::holds_alternative<VersionCommand>(parse_command_line(words("--version")).action));
}

struct Wrong {
    std::string line;
    std::string message;  ///< part of it
};

class WrongLine : public testing::TestWithParam<Wrong> {};

TEST_P(WrongLine, SaysWhatIsWrong) {
    const std::string message = usage_error(GetParam().line);
    EXPECT_THAT(message, HasSubstr(GetParam().message)) << GetParam().line;
    EXPECT_THAT(message, testing::Not(HasSubstr("\n")));
}

INSTANTIATE_TEST_SUITE_P(
    Commands, WrongLine,
    testing::Values(
        Wrong{"rnu -i a", "no command is called 'rnu'; did you mean 'run'?"},
        Wrong{"frobnicate", "'millrace --help' lists them"}, Wrong{"-i a -o b", "did you mean 'millrace run -i ...'?"},
        Wrong{"model x.onnx", "expected 'model show FILE', found 'model x.onnx'"},
        Wrong{"script x.py", "expected 'script check FILE', found 'script x.py'"},
        Wrong{"script check", "script check needs a script"}, Wrong{"script check x.py --size 64", "--size"},
        Wrong{"model show", "model show needs a model"}, Wrong{"tune -i a", "tune needs a model (-m FILE)"},
        Wrong{"tune -m a", "tune needs an input (-i FILE)"},
        Wrong{"tune -i a -m b --no-tune", "unknown option '--no-tune'"}, Wrong{"probe", "probe needs a file"},
        Wrong{"probe a b", "expected one file, found 'a' and 'b'"}, Wrong{"run -o b", "run needs an input (-i FILE)"},
        Wrong{"run -i a", "run needs an output (-o FILE)"},
        Wrong{"run a.mp4 b.mp4", "unexpected 'a.mp4'; input and output are named with -i and -o"},
        Wrong{"completion tcsh", "expected bash, zsh or fish, found 'tcsh'"}, Wrong{"completion", "expected a shell"},
        Wrong{"devices x", "unexpected 'x'"}));

INSTANTIATE_TEST_SUITE_P(
    Unknown, WrongLine,
    testing::Values(Wrong{"run -i a -o b -prest fast", "unknown option '-prest'; did you mean -preset?"},
                    Wrong{"run -i a -o b --pixelformat x", "did you mean --pixel-format?"},
                    Wrong{"run -i a -o b --pix-fmt x", "did you mean -pix_fmt?"},
                    Wrong{"run -i a -o b -strict", "did you mean --strict?"},
                    Wrong{"run -i a -o b -tune film", "give it to the encoder with -e tune=VALUE"},
                    Wrong{"run -i a -o b -g 250", "give it to the encoder with -e g=VALUE"},
                    Wrong{"run -i a -o b -c:a copy", "sound is always copied"},
                    Wrong{"run -i a -o b -vf scale=2:2", "there are no filters here"},
                    Wrong{"run -i a -o b --qqqqqqqq", "'millrace run --help-all' lists the options"},
                    Wrong{"probe a --restart", "unknown option '--restart'"}));

INSTANTIATE_TEST_SUITE_P(
    Values, WrongLine,
    testing::Values(Wrong{"run -i a -o b -crf", "-crf needs a value: -crf N"},
                    Wrong{"run -i a -o --json", "-o needs a value: -o FILE, found the option '--json'"},
                    Wrong{"run -i a -o b --crf=", "-crf needs a value"},
                    Wrong{"run -i a -o b -crf x", "-crf: expected a number from 0 to 63, found 'x'"},
                    Wrong{"run -i a -o b -crf -1", "found '-1'"}, Wrong{"run -i a -o b -crf 64", "found '64'"},
                    Wrong{"run -i a -o b -crf nan", "found 'nan'"}, Wrong{"run -i a -o b -crf 1e1", "found '1e1'"},
                    Wrong{"run -i a -o b -ss 1:60",
                          "-ss: expected a time such as 90, 1.5, 500ms or 00:01:30.5, found '1:60'"},
                    Wrong{"run -i a -o b -ss -1", "found '-1'"},
                    Wrong{"run -i a -o b -t 0", "-t: expected a time above 0"},
                    Wrong{"run -i a -o b -b:v fast", "-b:v: expected bits per second"},
                    Wrong{"run -i a -o b --memory 2X", "--memory: expected bytes such as 2G"},
                    Wrong{"run -i a -o b --frames 0", "--frames: expected a whole number from 1, found '0'"},
                    Wrong{"run -i a -o b --batch 1.5", "--batch: expected a whole number from 1 to 1024, found '1.5'"},
                    Wrong{"run -i a -o b --fit squeeze", "--fit: expected stretch, letterbox, crop, found 'squeeze'"},
                    Wrong{"run -i a -o b --on-corrupt x", "--on-corrupt: expected conceal, drop, fail"},
                    Wrong{"run -i a -o b -v loud", "-v: expected quiet, error, warning, info, debug"},
                    Wrong{"run -i a -o b --tile 256", "--tile: expected a size such as 256x256"},
                    Wrong{"run -i a -o b --tile 256x256+x", "--tile's overlap: expected"},
                    Wrong{"run -i a -o b --window 1", "--window: expected frames before and after"},
                    Wrong{"run -i a -o b -e tune", "-e: expected key=value, found 'tune'"},
                    Wrong{"run -i a -o b -map a:0", "-map: expected a video stream"},
                    Wrong{"run -i a -o b --strict=yes", "--strict takes no value"},
                    Wrong{"run -i a -o b -crf 20 -b:v 5M", "exclude each other"},
                    Wrong{"run -i a -o b --tile 64x64", "the model setting 'tile' needs a model (-m FILE)"},
                    Wrong{"run -i a -o b --batch 2", "--batch needs a model (-m FILE) or a script (--script FILE)"},
                    Wrong{"run -i a -o - --json", "both write to standard output"}));

INSTANTIATE_TEST_SUITE_P(
    Scripts, WrongLine,
    testing::Values(
        Wrong{"run -i a -o b --script s.py -m m.onnx",
              "-m and --script exclude each other: frames go through the model 'm.onnx' or through the "
              "script 's.py'"},
        Wrong{"run -i a -o b --script", "--script needs a value: --script FILE"},
        Wrong{"run -i a -o b --script s.py --set gain", "--set: expected key=value, found 'gain'"},
        Wrong{"run -i a -o b --script s.py --script-workers 0", "--script-workers: expected a whole number from 1"},
        Wrong{"run -i a -o b --script s.py --script-timeout 0", "--script-timeout: expected a time above 0, found '0'"},
        Wrong{"run -i a -o b --script s.py --fit crop", "the model setting 'input.fit' needs a model"},
        Wrong{"run -i a -o b --script s.py --model-workers 2",
              "--model-workers is for models (-m FILE); --script-workers N has N processes run the script"},
        Wrong{"run -i a -o b --script s.py --precision auto", "--precision is for models"},
        Wrong{"run -i a -o b -m m.onnx --fp16 --precision auto", "--fp16 is --precision fp16, and another"},
        Wrong{"run -i a -o b -m m.onnx --precision half", "--precision: expected auto, fp32, tf32, fp16, found 'half'"},
        Wrong{"run -i a -o b --script s.py --fp16", "--fp16 is for models (-m FILE), and --script is given"},
        Wrong{"run -i a -o b --script s.py --model-threads 2", "--model-threads is for models"},
        Wrong{"run -i a -o b --script s.py --runtime cuda", "--runtime is for models"},
        Wrong{"run -i a -o b --script s.py --engine-cache c", "--engine-cache is for models"},
        Wrong{"run -i a -o b --set gain=1", "--set needs a script (--script FILE)"},
        Wrong{"run -i a -o b -m m.onnx --python p", "--python needs a script (--script FILE)"},
        Wrong{"run -i a -o b --script-workers 2", "--script-workers needs a script"},
        Wrong{"run -i a -o b --script-timeout 2", "--script-timeout needs a script"},
        Wrong{"probe a --script s.py", "unknown option '--script'"}));

TEST(WrongValues, AreShownSafely) {
    EXPECT_THAT(usage_error({"run", "-crf", "1\n\x1b[31m"}), HasSubstr("found '1??[31m'"));
    EXPECT_THAT(usage_error({"run", "-crf", std::string(5000, 'x')}), HasSubstr("xxx...'"));
    EXPECT_THAT(usage_error({"run", "-i", ""}), HasSubstr("-i needs a value"));
}

TEST(ParseTime, AgreesWithItsParts) {
    rc::check("HH:MM:SS.frac is the sum of its parts", [] {
        const auto hours = *rc::gen::inRange<std::int64_t>(0, 100);
        const auto minutes = *rc::gen::inRange<std::int64_t>(0, 60);
        const auto us = *rc::gen::inRange<std::int64_t>(0, 60'000'000);
        const std::string text = fmt::format("{:02}:{:02}:{:02}.{:06}", hours, minutes, us / 1'000'000, us % 1'000'000);
        RC_ASSERT(parse_time("-ss", text) == (hours * 60 + minutes) * 60'000'000 + us);
    });
    EXPECT_EQ(parse_time("-ss", ".5"), 500'000);
    EXPECT_EQ(parse_time("-ss", "0.0000019"), 1);
    EXPECT_EQ(parse_time("-ss", "2.5s"), 2'500'000);
    EXPECT_EQ(parse_time("-ss", "40us"), 40);
    EXPECT_EQ(parse_time("-ss", "90:00"), 5'400'000'000);
    for (const char* wrong : {"", ".", ":", "1:2:3:4", "1:", ":1", "a", "1.2.3", "1 ", "99999999999999999999", "1h"}) {
        EXPECT_THROW((void)parse_time("-ss", wrong), core::Error) << wrong;
    }
}

/// Any words at all give a command or a usage error of one line; nothing else may happen.
TEST(AnyLine, GivesACommandOrAUsageError) {
    std::vector<std::string> vocabulary{"run", "probe", "model", "show", "bench", "-",
                                        "--",  "-h",    "=",     "",     "x=y",   "1:2"};
    for (const Option& option : options()) {
        for (const std::string& spelling : option.all_spellings()) vocabulary.push_back(spelling);
    }
    rc::check("no other outcome", [&vocabulary] {
        auto line = *rc::gen::container<std::vector<std::string>>(
            rc::gen::oneOf(rc::gen::elementOf(vocabulary), rc::gen::arbitrary<std::string>()));
        line.insert(line.begin(), *rc::gen::element<std::string>("run", "probe", "bench"));
        try {
            (void)parse_command_line(line);
        } catch (const core::Error& error) {
            RC_ASSERT(error.code() == core::ErrorCode::usage);
            RC_ASSERT(std::string(error.what()).find('\n') == std::string::npos);
        }
    });
}

}  // namespace
}  // namespace millrace::app
