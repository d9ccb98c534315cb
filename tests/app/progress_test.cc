#include "app/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <thread>

#include "app/summary.h"
#include "app/table.h"

namespace millrace::app {
namespace {

using testing::HasSubstr;
using testing::Not;

Progress running(std::int64_t done, std::int64_t total) {
    Progress progress;
    progress.phase = Phase::running;
    progress.frames_done = done;
    progress.frames_total = total;
    progress.fps = 4.1;
    progress.seconds_left = 14;
    progress.limiting_stage = "model";
    return progress;
}

TEST(Bar, SaysWhatMattersInOneLine) {
    EXPECT_EQ(render_bar(running(93, 150), {.columns = 70, .colors = Colors::off, .charset = Charset::unicode}),
              " 62% ━━━━━━━━━━━━━╸────────  93/150  4.1 fps  0:14 left  model limits");
    EXPECT_EQ(render_bar(running(93, 150), {.columns = 70, .colors = Colors::off, .charset = Charset::ascii}),
              " 62% =============>--------  93/150  4.1 fps  0:14 left  model limits");
}

TEST(Bar, LeavesOutWhatDoesNotFit) {
    EXPECT_EQ(render_bar(running(93, 150), {.columns = 40, .colors = Colors::off, .charset = Charset::unicode}),
              " 62% ━━━━━━━━━━╸──────  93/150  4.1 fps");
    EXPECT_THAT(render_bar(running(93, 150), {.columns = 20}), HasSubstr("93/150"));
}

TEST(Bar, CountsWhereTheTotalIsUnknown) {
    EXPECT_EQ(render_bar(running(93, -1), {.columns = 80}), "93 frames  4.1 fps  0:14 left  model limits");
}

TEST(Bar, NamesThePhase) {
    Progress progress;
    EXPECT_EQ(render_bar(progress, {}), "reading the input");
    progress.phase = Phase::building;
    progress.building_seconds = 95;
    EXPECT_EQ(render_bar(progress, {}), "building the model's engine, 1:35");
    EXPECT_EQ(render_line(progress), "building the model's engine, 1:35");
    progress.phase = Phase::joining;
    EXPECT_EQ(render_bar(progress, {}), "joining the segments");
}

Progress building(int done, int total) {
    Progress progress;
    progress.phase = Phase::building;
    progress.building_seconds = 3.4;
    progress.pieces_done = done;
    progress.pieces_total = total;
    return progress;
}

TEST(Bar, CountsLayersWhosePlansAreChosen) {
    const BarStyle style{.columns = 70, .colors = Colors::off, .charset = Charset::ascii};
    EXPECT_EQ(render_bar(building(5, 17), style),
              " 29% ========>-------------------  5/17  plans of layers chosen  0:03");
    EXPECT_EQ(render_bar(building(0, 17), {.columns = 30, .colors = Colors::off, .charset = Charset::ascii}),
              "  0% >-----------------  0/17");
    EXPECT_EQ(render_line(building(5, 17)), "5/17 layers (29%), plans of layers chosen, 0:03");
    EXPECT_EQ(render_bar(building(17, 17), style), "checking the model's engine, 0:03");
    EXPECT_EQ(render_line(building(17, 17)), "checking the model's engine, 0:03");
    EXPECT_EQ(render_bar(building(0, 0), style), "building the model's engine, 0:03");
}

TEST(Bar, ColoursOnlyWhereAsked) {
    EXPECT_THAT(render_bar(running(1, 2), {.columns = 80, .colors = Colors::off}), Not(HasSubstr("\x1b")));
    EXPECT_THAT(render_bar(running(1, 2), {.columns = 80, .colors = Colors::on}), HasSubstr("\x1b[36m"));
}

TEST(Bar, NeverWrapsAndNeverSays100BeforeTheEnd) {
    rc::check("for any progress and any width", [] {
        const auto total = *rc::gen::inRange<std::int64_t>(1, 10'000'000);
        const auto done = *rc::gen::inRange<std::int64_t>(0, total + 1);
        Progress progress = running(done, total);
        progress.fps = *rc::gen::inRange(0, 2000) / 7.0;
        progress.seconds_left = *rc::gen::inRange(-1, 1'000'000);
        progress.frames_reused = *rc::gen::inRange<std::int64_t>(0, total);
        const auto charset = *rc::gen::element(Charset::ascii, Charset::unicode);
        const int columns = *rc::gen::inRange(30, 200);
        const std::string bar = render_bar(progress, {.columns = columns, .colors = Colors::off, .charset = charset});
        RC_ASSERT(display_width(bar) < static_cast<std::size_t>(columns));
        RC_ASSERT((bar.find("100%") != std::string::npos) == (done == total));
    });
}

TEST(Line, SaysTheSameInWords) {
    Progress progress = running(93, 150);
    progress.frames_reused = 40;
    EXPECT_EQ(render_line(progress), "93/150 frames (62%), 4.1 fps, 0:14 left, model limits, 40 done before");
}

TEST(Duration, IsReadAsAClock) {
    EXPECT_EQ(render_duration(0.4), "0:00");
    EXPECT_EQ(render_duration(59.6), "1:00");
    EXPECT_EQ(render_duration(725), "12:05");
    EXPECT_EQ(render_duration(3723), "1:02:03");
    EXPECT_EQ(render_duration(1e300), "99:59:59");
    EXPECT_EQ(render_duration(-1), "?");
    EXPECT_EQ(render_duration(std::nan("")), "?");
}

Terminal pretend_terminal() { return {.interactive = true, .colors = Colors::off, .charset = Charset::ascii}; }

TEST(Printer, ClearsTheBarBeforeALogLineAndDrawsItAgain) {
    testing::internal::CaptureStderr();
    {
        ProgressPrinter printer(pretend_terminal(), true);
        printer.update(running(1, 2));
        core::log::warning("a frame was damaged");
    }
    core::log::warning("after");
    const std::string text = testing::internal::GetCapturedStderr();
    const std::size_t first = text.find("1/2");
    const std::size_t cleared = text.find("\r\x1b[K", first);
    const std::size_t line = text.find("millrace: warning: a frame was damaged\n");
    const std::size_t again = text.find("1/2", line);
    EXPECT_LT(first, cleared);
    EXPECT_EQ(cleared + 4, line);
    EXPECT_NE(again, std::string::npos);
    EXPECT_NE(text.find("\r\x1b[K", again), std::string::npos) << "the bar is taken away at the end";
    EXPECT_TRUE(text.ends_with("warning: after\n"));
}

TEST(Printer, WritesWholeLinesFromManyThreads) {
    testing::internal::CaptureStderr();
    {
        ProgressPrinter printer(pretend_terminal(), true);
        std::vector<std::jthread> threads;
        threads.reserve(4);
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&printer] {
                for (int i = 0; i < 50; ++i) {
                    printer.update(running(i, 50));
                    core::log::info("0123456789");
                }
            });
        }
    }
    const std::string text = testing::internal::GetCapturedStderr();
    std::size_t count = 0;
    for (std::size_t at = text.find("millrace: 0123456789\n"); at != std::string::npos;
         at = text.find("millrace: 0123456789\n", at + 1)) {
        ++count;
    }
    EXPECT_EQ(count, 200U);
}

TEST(Printer, IsSilentWhereNothingIsToBeShown) {
    testing::internal::CaptureStderr();
    {
        ProgressPrinter hidden(pretend_terminal(), false);
        hidden.update(running(1, 2));
    }
    {
        ProgressPrinter elsewhere(Terminal{}, true);  // a line comes only every few seconds
        elsewhere.update(running(1, 2));
    }
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(Summary, HasTheStagesAndTheVerdict) {
    Report report;
    report.output = "out.mp4";
    report.frames.muxed = 150;
    report.frames.corrupt_pts = {7};
    report.frames.dropped_pts = {8, 9};
    report.width_in = 640;
    report.height_in = 360;
    report.width_out = 1280;
    report.height_out = 720;
    report.encoder = "libx264";
    report.model = "x2.onnx";
    report.device = "cpu";
    report.wall_seconds = 36.24;
    report.fps = 4.13;
    report.segments = {8, 3};
    report.cores = 2;
    report.cores_at_work = 1.94;
    report.peak_memory = 3 << 20;
    report.script.peak_memory = 1 << 20;
    report.stages = {{"decode", 1, 150, 1, 0, 3, 150}, {"model", 2, 150, 9.6, 0.4, 0, 4.2}, {"join", 0, 0, 0, 0, 0, 0}};
    report.fallbacks = {"decode on the CPU"};
    report.notes = {"audio moved by 21 ms"};
    report.verdict = "model limits, at 98% of its ceiling";
    EXPECT_EQ(render_summary(report),
              "out.mp4: 150 frames, 640x360 to 1280x720, libx264, x2.onnx on cpu\n"
              "  36.2 s in all, 4.1 fps while running, 8 segments (3 of an earlier run)\n"
              "  1.9 of 2 cores at work, 4.0 MiB of memory at most\n"
              "  stage   workers  frames  busy  waits in  waits out    ceiling\n"
              "  decode        1     150   25%        0%        75%  150.0 fps\n"
              "  model         2     150   96%        4%         0%    4.2 fps\n"
              "  1 frame damaged in the input, concealed\n"
              "  2 frames damaged in the input, left out\n"
              "  fallback: decode on the CPU\n"
              "  note: audio moved by 21 ms\n"
              "  model limits, at 98% of its ceiling\n");
}

TEST(Summary, SaysHowLongStagesTookOnAGpu) {
    Report report;
    report.output = "out.mp4";
    report.stages = {{"decode", 1, 150, 1, 0, 3, 150}, {"model", 1, 150, 9.6, 0.4, 0, 15.6, 9.6}};
    EXPECT_THAT(render_summary(report),
                testing::HasSubstr("  stage   workers  frames  busy  waits in  waits out    ceiling  on GPU\n"
                                   "  decode        1     150   25%        0%        75%  150.0 fps\n"
                                   "  model         1     150   96%        4%         0%   15.6 fps   9.6 s\n"));
}

TEST(Summary, SaysOfWhatTimeKernelsAre) {
    Report report;
    report.run_seconds = 30.5;
    report.gpus = {{.device = "cuda:0", .kernel_share = 0.9814, .kernels_watched = 30, .down_bytes = 3 << 19}};
    EXPECT_THAT(render_summary(report),
                testing::HasSubstr("  cuda:0: kernels ran for 98.1% of the time; 0 bytes up, 1.5 MiB down\n"));
    report.run_seconds = 100;
    EXPECT_THAT(render_summary(report), testing::HasSubstr("kernels ran for 98.1% of the first 30 s; 0 bytes up"));
}

TEST(Summary, TellsOfPythonsLockWhereOthersHoldItNoticeably) {
    Report report;
    report.script.kind = "processor";
    report.script.gil = {200, 0.9, 0.234, 0.005, 0.010};
    EXPECT_THAT(render_summary(report),
                testing::HasSubstr("  script: stood still for 23% of the time in its calls while other threads had "
                                   "Python's lock (sampled); with --script-workers every process has its own, or"));
    report.script.kind = "generator";
    EXPECT_THAT(render_summary(report), testing::Not(testing::HasSubstr("--script-workers")));
    EXPECT_THAT(render_summary(report), testing::HasSubstr("stood still for 23%"));
    report.script.gil.held_up_share = 0.05;
    EXPECT_THAT(render_summary(report), testing::Not(testing::HasSubstr("stood still")));
    report.script.gil = {19, 0.9, 0.9, 0.005, 0.010};  // too few to say
    EXPECT_THAT(render_summary(report), testing::Not(testing::HasSubstr("stood still")));
}

TEST(Summary, NamesTheLineThatCopiesTheMost) {
    Report report;
    report.run_seconds = 100;
    EXPECT_THAT(render_summary(report), testing::Not(testing::HasSubstr("copies")));
    report.script.copies = {{"a.py:9", "across", 10, 1 << 30, 9.0},
                            {"a.py:7", "down", 96, 3 << 19, 1.26},
                            {"b.py:3", "up", 1, 1 << 20, 1.25}};
    EXPECT_THAT(
        render_summary(report),
        testing::HasSubstr("\n  script: a.py:7 copies 1.5 MiB from the GPU, 1.3 s in 96 copies; what stays there "
                           "needs none\n"));
    report.script.copies->at(1).seconds = 1;
    EXPECT_THAT(render_summary(report), testing::HasSubstr("b.py:3 copies 1.0 MiB to the GPU, 1.2 s in 1 copies"));
    report.script.copies->at(2).seconds = 1;  // a hundredth of the run
    EXPECT_THAT(render_summary(report), testing::Not(testing::HasSubstr("copies")));
}

TEST(Bytes, AreReadable) {
    EXPECT_EQ(render_bytes(17), "17 bytes");
    EXPECT_EQ(render_bytes(1536), "1.5 KiB");
    EXPECT_EQ(render_bytes(775.0 * 1024 * 1024), "775 MiB");
}

TEST(LogLine, ColoursTheKindOnly) {
    using core::log::Level;
    EXPECT_EQ(log_line(Colors::off, Level::error, "x"), "millrace: error: x");
    EXPECT_EQ(log_line(Colors::on, Level::error, "x"), "millrace: \x1b[1;31merror:\x1b[0m x");
    EXPECT_EQ(log_line(Colors::off, Level::info, "x"), "millrace: x");
}

}  // namespace
}  // namespace millrace::app
