#include "app/answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/engine.h"

namespace millrace::app {
namespace {

using testing::HasSubstr;

TEST(ModelText, OfARealModel) {
    ModelOptions options;
    options.path = MILLRACE_SOURCE_DIR "/models/upscale2x.onnx";
    options.runtime_library = MILLRACE_ONNXRUNTIME_LIBRARY;
    options.settings["tile"] = "[256, 128, 16]";
    const std::string text = render_model(model_json(options));
    EXPECT_THAT(text, HasSubstr("upscale2x.onnx (ONNX Runtime "));
    EXPECT_THAT(text, testing::ContainsRegex("inputs\n  [a-z]+  float32  any x 3 x any x any\n"));
    EXPECT_THAT(text, testing::ContainsRegex("\n  tile +256, 128, 16 +command line\n"));
    EXPECT_THAT(text, testing::ContainsRegex("\n  input.layout +nchw +"));
}

TEST(ProbeText, OfTheSample) {
    Job job;
    job.input.path = MILLRACE_SOURCE_DIR "/samples/bbb.mp4";
    job.input.color_range = "full";
    const std::string text = render_probe(probe_json(job));
    EXPECT_THAT(text, HasSubstr("bbb.mp4: mov,mp4,m4a,3gp,3g2,mj2, 5.000 s, 886 KiB\n"));
    EXPECT_THAT(text, HasSubstr("  0  video  h264 High, 640x360, yuv420p, 24 fps, und <- worked on\n"));
    EXPECT_THAT(text, HasSubstr("  1  audio  aac LC, 48000 Hz, stereo, und\n"));
    EXPECT_THAT(text, HasSubstr("segments (120 frames, 5 points to start at)\n"));
    EXPECT_THAT(text, testing::ContainsRegex("matrix +bt709 +the stream says so"));
    EXPECT_THAT(text, testing::ContainsRegex("range +full +you said so"));
}

TEST(ProbeText, ShowsWhatARunWouldDo) {
    Job job;
    job.input.path = MILLRACE_SOURCE_DIR "/samples/bbb.mp4";
    job.model.path = MILLRACE_SOURCE_DIR "/models/upscale2x.onnx";
    job.model.runtime_library = MILLRACE_ONNXRUNTIME_LIBRARY;
    job.output.video_codec = "ffv1";
    std::string text = render_probe(probe_json(job));
    EXPECT_THAT(text, testing::ContainsRegex("model +[^ ]+upscale2x.onnx in ONNX Runtime [0-9.]+ on the CPU, frames of "
                                             "640x360, batch 1, [0-9]+ at once\n"));
    EXPECT_THAT(text, testing::ContainsRegex("encode +ffv1 on the CPU, 1280x720 yuv420p, [0-9]+ threads"));
    job.output.video_codec = "libx26";
    text = render_probe(probe_json(job));
    EXPECT_THAT(text, HasSubstr("a run would be refused\n  -c:v libx26: no such video encoder"));
    EXPECT_THAT(text, HasSubstr("segments (120 frames"));
}

TEST(ProbeText, SaysWhatIsUnusual) {
    const std::string text = render_probe(R"({
        "path": "-", "format": "mpegts", "size_bytes": -1, "duration_seconds": 0, "chapters": 1, "video": 0,
        "streams": [{"index": 0, "kind": "video", "codec": "hevc", "profile": "Main 10", "width": 720, "height": 576,
                     "pixel_format": "yuv420p10le", "average_frame_rate": "30000/1001", "sample_aspect_ratio": "64/45",
                     "rotation": 90, "interlaced": true, "attached_picture": false, "mastering_display": true,
                     "content_light": {"max_content": 1000, "max_frame_average": 400},
                     "repack_note": "alpha is dropped", "metadata": {}, "start_seconds": null,
                     "color": {"matrix": {"value": "smpte170m", "origin": "rule"}}}],
        "index": {"frames": 0, "access_points": 0, "reorder": 0, "one_segment_reason": "standard input"},
        "segments": [], "would_run": {"decode": "libavcodec"}})");
    EXPECT_EQ(text,
              "-: mpegts, 1 chapter\n"
              "streams\n"
              "  0  video  hevc Main 10, 720x576, yuv420p10le, 29.97 fps, pixels 64/45, rotated 90 degrees, "
              "interlaced (--deinterlace), HDR mastering display, content light 1000/400, alpha is dropped <- worked "
              "on\n"
              "colour\n"
              "  matrix  smpte170m  not said: by the rule of docs/colour.md\n"
              "segments (0 frames, 0 points to start at)\n"
              "  one: standard input\n"
              "a run would\n"
              "  decode  libavcodec\n");
}

TEST(ProbeText, ShortensLongLists) {
    std::string segments;
    for (int i = 0; i < 40; ++i) {
        segments += std::string(i == 0 ? "" : ",") + R"({"number": )" + std::to_string(i) +
                    R"(, "start_seconds": 1, "frames": 24})";
    }
    const std::string text =
        render_probe(R"({"path": "a", "format": "b", "streams": [], "would_run": {}, "segments": [)" + segments +
                     R"(], "index": {"frames": 960, "access_points": 40}})");
    EXPECT_THAT(text, HasSubstr("  9  from 1.000 s  24 frames\n  and 30 more (--json has all)\n"));
}

TEST(DevicesText, OfThisMachineAndWithoutARuntime) {
    EXPECT_THAT(render_devices(devices_json(MILLRACE_ONNXRUNTIME_LIBRARY)), HasSubstr("devices\n  cpu  "));
    const std::string text = render_devices(devices_json("/no/such/libonnxruntime.so"));
    EXPECT_THAT(text, HasSubstr("/no/such/libonnxruntime.so"));
}

TEST(BenchText, SortsBatchesByNumber) {
    EXPECT_EQ(render_bench(R"({"ceilings": {"decode": 500.25, "model": 4}, "model_batches": {"1": 3, "16": 4, "2": 3.5},
                               "whole_fps": 3.9, "whole_to_slowest": 0.975, "verdict": "model limits"})"),
              "decode alone  500.2 fps\n"
              "model alone     4.0 fps\n"
              "  batch 1       3.0 fps\n"
              "  batch 2       3.5 fps\n"
              "  batch 16      4.0 fps\n"
              "the whole       3.9 fps  98% of the slowest stage alone\n"
              "model limits\n");
}

TEST(VersionsText, BeginsWithOurs) { EXPECT_TRUE(render_versions(versions_json()).starts_with("millrace ")); }

}  // namespace
}  // namespace millrace::app
