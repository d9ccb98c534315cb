#pragma once
// What each option does to the draft of a command. Named after the options; see the table in options.cc.

#include <string>

namespace millrace::app {
struct Draft;
}

namespace millrace::app::set {

void input(Draft& draft, const std::string& value);
void output(Draft& draft, const std::string& value);
void overwrite(Draft& draft, const std::string& value);
void format(Draft& draft, const std::string& value);
void fragmented(Draft& draft, const std::string& value);
void work_folder(Draft& draft, const std::string& value);

void start(Draft& draft, const std::string& value);
void duration(Draft& draft, const std::string& value);
void frames(Draft& draft, const std::string& value);
void video_stream(Draft& draft, const std::string& value);
void deinterlace(Draft& draft, const std::string& value);
void on_corrupt(Draft& draft, const std::string& value);
void color_matrix(Draft& draft, const std::string& value);
void color_range(Draft& draft, const std::string& value);
void chroma_location(Draft& draft, const std::string& value);
void input_rate(Draft& draft, const std::string& value);
void decoder_threads(Draft& draft, const std::string& value);

void video_codec(Draft& draft, const std::string& value);
void crf(Draft& draft, const std::string& value);
void bit_rate(Draft& draft, const std::string& value);
void preset(Draft& draft, const std::string& value);
void pixel_format(Draft& draft, const std::string& value);
void encoder_option(Draft& draft, const std::string& value);
void encoder_threads(Draft& draft, const std::string& value);
void pad(Draft& draft, const std::string& value);
void crop(Draft& draft, const std::string& value);
void no_audio(Draft& draft, const std::string& value);
void no_subtitles(Draft& draft, const std::string& value);

void model(Draft& draft, const std::string& value);
void model_setting(Draft& draft, const std::string& value);
void input_range(Draft& draft, const std::string& value);
void input_color(Draft& draft, const std::string& value);
void input_size(Draft& draft, const std::string& value);
void fit(Draft& draft, const std::string& value);
void tile(Draft& draft, const std::string& value);
void window(Draft& draft, const std::string& value);
void batch(Draft& draft, const std::string& value);
void batch_timeout(Draft& draft, const std::string& value);
void model_threads(Draft& draft, const std::string& value);
void model_workers(Draft& draft, const std::string& value);
void precision(Draft& draft, const std::string& value);
void fp16(Draft& draft, const std::string& value);
void runtime(Draft& draft, const std::string& value);
void no_tune(Draft& draft, const std::string& value);
void engine_cache(Draft& draft, const std::string& value);
void runtime_library(Draft& draft, const std::string& value);

void script(Draft& draft, const std::string& value);
void script_setting(Draft& draft, const std::string& value);
void size(Draft& draft, const std::string& value);
void python(Draft& draft, const std::string& value);
void script_workers(Draft& draft, const std::string& value);
void script_timeout(Draft& draft, const std::string& value);

void device(Draft& draft, const std::string& value);
void memory(Draft& draft, const std::string& value);
void gpu_memory(Draft& draft, const std::string& value);
void lanes(Draft& draft, const std::string& value);
void segment_length(Draft& draft, const std::string& value);
void restart(Draft& draft, const std::string& value);
void strict(Draft& draft, const std::string& value);

void tune_time(Draft& draft, const std::string& value);
void live(Draft& draft, const std::string& value);
void no_store(Draft& draft, const std::string& value);
void plot(Draft& draft, const std::string& value);

void report(Draft& draft, const std::string& value);
void trace(Draft& draft, const std::string& value);
void json(Draft& draft, const std::string& value);
void no_progress(Draft& draft, const std::string& value);
void verbosity(Draft& draft, const std::string& value);

}  // namespace millrace::app::set
