#include "app/tune_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace millrace::app {
namespace {

using testing::HasSubstr;

constexpr const char* head = R"({"model": "x<2>.onnx", "input": "a.mp4", "device": "cpu", "machine": "CPU, 2 cores",
    "runtime": "ONNX Runtime 1.31.1", "precision": "fp16", "model_input": [320, 180], "frame": [320, 180], "seconds": 9,)";

std::string tuned() {
    return std::string(head) + R"("points": [
        {"axis": "batch", "settings": {"batch": 1, "workers": 2, "threads": 1}, "fps": 10, "spread": 0.04,
         "frames": 12, "run_seconds": 0.2},
        {"axis": "batch", "settings": {"batch": 2, "workers": 2, "threads": 1}, "fps": 12.5, "spread": 0.02,
         "frames": 16, "run_seconds": 0.32},
        {"axis": "precision", "settings": {"batch": 2, "fp32": true}, "fps": 11, "spread": 0, "frames": 120,
         "run_seconds": 0.1}],
      "whole": [{"what": "with what was found", "settings": {"batch": 2}, "fps": 9, "lanes": 2, "frames": 30,
                 "limits": "model"},
                {"what": "lanes", "settings": {"batch": 2, "lanes": 1}, "fps": 8, "lanes": 1, "frames": 1,
                 "limits": "decode"}],
      "ended": [{"axis": "batch", "why": "16 is the most"}],
      "chosen": {"batch": 2, "workers": 2, "threads": 1, "lanes": 1},
      "chosen_text": "batch 2", "few": null, "stored": "/c/a.json"})";
}

std::string live() {
    return std::string(head) + R"("points": [], "whole": [], "ended": [{"axis": "live", "why": "all were tried"}],
      "live": {"fps": 30, "points": [
        {"batch": 1, "timeout_seconds": 0.05, "fps": 20, "ceiling_fps": 20, "p50_seconds": 0.9, "p99_seconds": 2,
         "worst_seconds": 3, "frames": 60, "mean_batch": 1, "keeps_up": false}], "best": null}})";
}

int count(const std::string& text, const std::string& what) {
    int found = 0;
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
    return found;
}

TEST(TuneText, IsATableWithTheChosenMarked) {
    EXPECT_EQ(render_tune(tuned()),
              "x<2>.onnx at 320x180 on cpu (CPU, 2 cores), ONNX Runtime 1.31.1\n"
              "the model by itself\n"
              "    batch  runs  threads  precision    fps    +-  frames     a run\n"
              "        1     2        1  fp16       10.00  2.0%      12  200.0 ms\n"
              " *      2     2        1  fp16       12.50  1.0%      16  320.0 ms\n"
              "        2     -        -  fp32       11.00  0.0%     120  100.0 ms\n"
              "whole runs\n"
              "  with what was found  9.00 fps  30 frames  model limits\n"
              "  1 lane               8.00 fps    1 frame  decode limits\n"
              "ended by\n"
              "  batch  16 is the most\n"
              "chosen: batch 2\n"
              "kept in /c/a.json; 'millrace run' takes it by itself\n");
}

TEST(TuneText, SaysWhatWouldGiveMoreFrames) {
    const auto with = [](const std::string& few) {
        std::string text = tuned();
        const std::string none = R"("few": null)";
        return render_tune(text.replace(text.find(none), none.size(), "\"few\": " + few));
    };
    EXPECT_THAT(render_tune(tuned()), testing::Not(HasSubstr("few frames")));
    EXPECT_THAT(with(R"({"frames": 2, "time": 310.0, "longer_clip": false})"),
                HasSubstr("\nmeasured over few frames, 2 at the least: --time 310 makes the choice surer\nchosen: "));
    EXPECT_THAT(with(R"({"frames": 9, "time": null, "longer_clip": true})"),
                HasSubstr("few frames, 9 at the least: a longer clip makes the choice surer\n"));
    EXPECT_THAT(with(R"({"frames": 9, "time": 60, "longer_clip": true})"),
                HasSubstr(": --time 60 with a longer clip makes the choice surer\n"));
}

TEST(TuneText, SaysThatNothingKeepsUp) {
    const std::string text = render_tune(live());
    EXPECT_THAT(text, HasSubstr("does not keep up"));
    EXPECT_THAT(text, HasSubstr("   batch  timeout  filled  frames   fps"));
    EXPECT_THAT(text, HasSubstr("       1    50 ms     1.0      60  20.0"));
    EXPECT_THAT(text, HasSubstr("no setting keeps up with 30 fps; the most that came through are 20.0\n"));
}

TEST(TunePlot, HasAMarkForEveryPointAndALineForEveryWay) {
    const std::string svg = plot_tune(tuned());
    EXPECT_EQ(count(svg, "<circle"), 3);
    EXPECT_EQ(count(svg, ">chosen<"), 1);
    EXPECT_THAT(svg, HasSubstr("x&lt;2&gt;.onnx on cpu"));
    EXPECT_THAT(svg, HasSubstr(">2 x 1 thread<"));
    EXPECT_THAT(svg, HasSubstr(">fp32<"));
}

TEST(TunePlot, OfALiveSourceIsHollowWhereItDoesNotKeepUp) {
    const std::string svg = plot_tune(live());
    EXPECT_EQ(count(svg, "<circle"), 2);
    EXPECT_EQ(count(svg, "r=\"3.5\" fill=\"#fff\""), 2);
    EXPECT_THAT(svg, HasSubstr(">1 / 50<"));
}

}  // namespace
}  // namespace millrace::app
