#include "app/options.h"

#include <algorithm>
#include <array>
#include <cassert>

#include "app/option_setters.h"

namespace millrace::app {

namespace {

constexpr unsigned bit(CommandId command) { return 1U << static_cast<unsigned>(command); }

constexpr unsigned run_only = bit(CommandId::run);
constexpr unsigned tune_only = bit(CommandId::tune);
constexpr unsigned work = run_only | bit(CommandId::bench) | tune_only;
constexpr unsigned media = work | bit(CommandId::probe);
/// Of jobs that write an output; a bench writes none that stays.
constexpr unsigned writing = run_only | bit(CommandId::probe);
/// Of jobs whose model may have an engine.
constexpr unsigned engines = writing | tune_only;
/// Of jobs that take what was tuned.
constexpr unsigned tuned = writing | bit(CommandId::bench);
constexpr unsigned model = media | bit(CommandId::model_show);
constexpr unsigned runtime = model | bit(CommandId::devices);
constexpr unsigned scripts = run_only | bit(CommandId::script_check);
constexpr unsigned all = runtime | bit(CommandId::script_check);

constexpr std::string_view files_group = "Files";
constexpr std::string_view frames_group = "Which frames";
constexpr std::string_view encoding_group = "Encoding";
constexpr std::string_view model_group = "Model";
constexpr std::string_view script_group = "Script";
constexpr std::string_view running_group = "Running";
constexpr std::string_view output_group = "What is shown";

constexpr Times once = Times::once;
constexpr Times many = Times::many;

constexpr std::array table{
    Option{"input", "-i", "FILE", "", "video to read; - is standard input", files_group, media, all, once, set::input},
    Option{"output", "-o", "FILE", "", "video, out/%06d.png, labels.jsonl, or - (Matroska)", files_group, writing,
           run_only, once, set::output},
    Option{"overwrite", "-y", "", "", "replace the output if it exists", files_group, run_only, run_only, once,
           set::overwrite},
    Option{"format", "-f", "NAME", "", "container by FFmpeg's name (default: by the output's extension)", files_group,
           writing, 0U, once, set::format},
    Option{"fragmented", "", "", "", "write MP4 in fragments, playable while it grows", files_group, writing, 0U, once,
           set::fragmented},
    Option{"work-folder", "", "FOLDER", "", "where finished segments wait (default: OUTPUT.millrace)", files_group,
           writing, 0U, once, set::work_folder},
    Option{"start", "-ss", "TIME", "", "begin at this time: 90, 1.5 or 00:01:30.5", frames_group, media, all, once,
           set::start},
    Option{"duration", "-t", "TIME", "", "work on this much of the input", frames_group, media, all, once,
           set::duration},
    Option{"frames", "-frames:v -vframes", "N", "", "work on at most N frames", frames_group, media, all, once,
           set::frames},
    Option{"video-stream", "-map", "v:N", "", "which video stream, from 0 (default: v:0)", frames_group, media, 0U,
           once, set::video_stream},
    Option{"input-rate", "-framerate", "RATE", "",
           "frames a second of an input without times, such as raw MJPEG: 25, 29.97, 30000/1001", frames_group, media,
           0U, once, set::input_rate},
    Option{"deinterlace", "", "", "", "deinterlace with FFmpeg's bwdif, one frame per frame", frames_group, media, 0U,
           once, set::deinterlace},
    Option{"on-corrupt", "", "WHAT", "conceal|drop|fail", "frames the decoder reports as damaged (default: conceal)",
           frames_group, media, 0U, once, set::on_corrupt},
    Option{"color-matrix", "", "NAME", "", "matrix of the input where the stream is wrong: bt709, smpte170m, ...",
           frames_group, media, 0U, once, set::color_matrix},
    Option{"color-range", "", "RANGE", "limited|full", "range of the input where the stream is wrong", frames_group,
           media, 0U, once, set::color_range},
    Option{"chroma-location", "", "NAME", "", "chroma siting of the input: left, center, topleft, ...", frames_group,
           media, 0U, once, set::chroma_location},
    Option{"decoder-threads", "", "N", "", "threads inside one decoder; part of what makes a result repeatable",
           frames_group, media, 0U, once, set::decoder_threads},
    Option{"video-codec", "-c:v -codec:v -vcodec", "NAME", "", "encoder by FFmpeg's name (default: libx264)",
           encoding_group, media, all, once, set::video_codec},
    Option{"crf", "-crf", "N", "", "constant quality; lower is better and larger", encoding_group, media, run_only,
           once, set::crf},
    Option{"bit-rate", "-b:v -vb", "RATE", "", "average bit rate instead: 5M, 800k", encoding_group, media, run_only,
           once, set::bit_rate},
    Option{"preset", "-preset", "NAME", "", "how fast the encoder is: ultrafast ... veryslow", encoding_group, media,
           work, once, set::preset},
    Option{"pixel-format", "-pix_fmt", "NAME", "", "what is encoded: yuv420p, yuv420p10le, yuv444p ...", encoding_group,
           media, run_only, once, set::pixel_format},
    Option{"encoder-option", "-e", "KEY=VALUE", "", "any other option of the encoder; may be repeated", encoding_group,
           media, run_only, many, set::encoder_option},
    Option{"threads", "-threads", "N", "", "threads inside one encoder; part of what makes a result repeatable",
           encoding_group, media, 0U, once, set::encoder_threads},
    Option{"pad", "", "", "", "make an odd size even by repeating the last column or row", encoding_group, media, 0U,
           once, set::pad},
    Option{"crop", "", "", "", "make an odd size even by dropping the last column or row", encoding_group, media, 0U,
           once, set::crop},
    Option{"no-audio", "-an", "", "", "leave sound out (default: copied)", encoding_group, writing, run_only, once,
           set::no_audio},
    Option{"no-subtitles", "-sn", "", "", "leave subtitles out (default: copied)", encoding_group, writing, 0U, once,
           set::no_subtitles},
    Option{"model", "-m", "FILE", "", "ONNX model that every frame goes through", model_group, model, all, once,
           set::model},
    Option{"set-model", "", "KEY=VALUE", "", "a model setting such as output.kind=data; may be repeated", model_group,
           model, bit(CommandId::model_show), many, set::model_setting},
    Option{"input-range", "", "WHITE", "1|255", "what white is for the model", model_group, model,
           bit(CommandId::model_show), once, set::input_range},
    Option{"input-color", "", "ORDER", "rgb|bgr|y", "colour order that the model wants", model_group, model,
           bit(CommandId::model_show), once, set::input_color},
    Option{"input-size", "", "WxH", "", "resize frames to this for the model", model_group, model,
           bit(CommandId::model_show), once, set::input_size},
    Option{"fit", "", "HOW", "stretch|letterbox|crop", "how frames of another shape are made to fit", model_group,
           model, 0U, once, set::fit},
    Option{"tile", "", "WxH+OVERLAP", "", "run the model on overlapping tiles: 256x256+16", model_group, model, 0U,
           once, set::tile},
    Option{"window", "", "BEFORE,AFTER", "", "neighbouring frames that the model sees: 1,1", model_group, model, 0U,
           once, set::window},
    Option{"batch", "", "N", "", "frames in one run of the model or script", model_group,
           model | bit(CommandId::script_check), work, once, set::batch},
    Option{"batch-timeout", "", "TIME", "", "a batch leaves when its oldest frame waited this long (default: 50ms)",
           model_group, work, 0U, once, set::batch_timeout},
    Option{"model-threads", "", "N", "", "threads inside one run of the model", model_group, model, 0U, once,
           set::model_threads},
    Option{"model-workers", "", "N", "", "runs of the model at once (default: as many as there are cores)", model_group,
           media, 0U, once, set::model_workers},
    Option{"precision", "", "NAME", "auto|fp32|tf32|fp16",
           "what a GPU computes the model in (default: auto: fp16 where a check allows it)", model_group, media,
           run_only, once, set::precision},
    Option{"fp16", "", "", "", "short for --precision fp16", model_group, media, 0U, once, set::fp16},
    Option{"runtime", "", "NAME", "auto|cuda|fused|tensorrt", "what runs the model on a GPU (default: auto)",
           model_group, engines, 0U, once, set::runtime},
    Option{"engine-cache", "", "FOLDER", "", "where engines are kept (default: ~/.cache/millrace/engines)", model_group,
           engines | bit(CommandId::model_show), 0U, once, set::engine_cache},
    Option{"no-tune", "", "", "", "run without what 'millrace tune' found for the model", model_group, tuned, 0U, once,
           set::no_tune},
    Option{"ort-library", "", "FILE", "", "ONNX Runtime's library (default: found)", model_group, runtime,
           bit(CommandId::devices), once, set::runtime_library},
    Option{"script", "", "FILE", "", "Python script that frames go through or come from", script_group, scripts,
           run_only, many, set::script},
    Option{"set", "", "KEY=VALUE", "", "a parameter of the script; may be repeated", script_group, scripts, scripts,
           many, set::script_setting},
    Option{"python", "", "FILE", "", "interpreter for the script (default: of the virtual environment, else python3)",
           script_group, scripts, bit(CommandId::script_check), once, set::python},
    Option{"size", "", "WxH", "", "size of the frames that are made up (default: 640x360)", script_group,
           bit(CommandId::script_check), bit(CommandId::script_check), once, set::size},
    Option{"script-workers", "", "N", "", "processes that run the script at once", script_group, run_only, 0U, once,
           set::script_workers},
    Option{"script-timeout", "", "TIME", "", "a call of the script may take this long (default: any time)",
           script_group, scripts, bit(CommandId::script_check), once, set::script_timeout},
    Option{"device", "-d", "NAME", "",
           "where to work: cpu, cuda:0, cuda:0,cuda:1; see 'millrace devices' (default: cpu)", running_group, model,
           all, once, set::device},
    Option{"memory", "", "BYTES", "", "bound for frames in flight: 2G (default: 1G a core)", running_group, media,
           run_only, once, set::memory},
    Option{"gpu-memory", "", "BYTES", "", "bound for each GPU's memory (default: four fifths of what is free)",
           running_group, media, 0U, once, set::gpu_memory},
    Option{"lanes", "", "N", "", "segments in work at once, at most (default: grown as needed)", running_group, media,
           0U, once, set::lanes},
    Option{"segment-length", "", "TIME", "", "length of a segment (default: by the file's length, 2 to 10 s)",
           running_group, media, 0U, once, set::segment_length},
    Option{"restart", "", "", "", "forget what an earlier, interrupted run finished", running_group, run_only, run_only,
           once, set::restart},
    Option{"strict", "", "", "", "fail rather than fall back or lose anything", running_group, work, run_only, once,
           set::strict},
    Option{"time", "", "TIME", "", "measure for about so long (default: 60)", running_group, tune_only, tune_only, once,
           set::tune_time},
    Option{"live", "", "FPS", "", "measure how long frames of a live source of this rate wait instead", running_group,
           tune_only, tune_only, once, set::live},
    Option{"no-store", "", "", "", "do not keep what was found", running_group, tune_only, tune_only, once,
           set::no_store},
    Option{"plot", "", "FILE", "", "write the curve as a picture (SVG)", output_group, tune_only, tune_only, once,
           set::plot},
    Option{"report", "", "FILE", "", "write what was done, and where time went, as JSON", output_group, work, work,
           once, set::report},
    Option{"trace", "", "FILE", "", "write a Chrome trace, for ui.perfetto.dev", output_group, run_only, run_only, once,
           set::trace},
    Option{"json", "", "", "", "print JSON on standard output instead of text", output_group, all, all, once,
           set::json},
    Option{"no-progress", "", "", "", "show no progress", output_group, work, 0U, once, set::no_progress},
    Option{"verbosity", "-v -loglevel", "LEVEL", "quiet|error|warning|info|debug",
           "how much is said, quiet to debug (default: info)", output_group, all, all, once, set::verbosity},
};

constexpr std::array command_table{
    CommandInfo{CommandId::run, "run", "put a video through a model and encode the result",
                "millrace run -i in.mp4 -o out.mp4 -m x2.onnx\n"
                "millrace run -i in.mkv -o out.mkv -m x2.onnx -c:v libx265 -crf 20 -preset slow\n"
                "millrace run -i in.mp4 -o out.mp4 -ss 1:30 -t 10 -crf 18\n"
                "millrace run -i in.mp4 -o labels.jsonl -m classify.onnx\n"
                "millrace run -i in.mp4 -o out.mp4 --script brighten.py --set gain=1.2",
                ""},
    CommandInfo{CommandId::probe, "probe", "show what a file holds, and what a run would do",
                "millrace probe in.mp4\n"
                "millrace probe in.mp4 -m x2.onnx -c:v libx265\n"
                "millrace probe in.mp4 --json",
                "FILE"},
    CommandInfo{CommandId::bench, "bench", "measure each stage alone, then the whole",
                "millrace bench -i in.mp4 -m x2.onnx\n"
                "millrace bench -i in.mp4 -m x2.onnx -preset veryfast --json",
                ""},
    CommandInfo{CommandId::tune, "tune", "find a model's best settings by measuring, for 'run'",
                "millrace tune -m x2.onnx -i in.mp4\n"
                "millrace tune -m x2.onnx -i in.mp4 -d cuda --time 600 --plot curve.svg\n"
                "millrace tune -m x2.onnx -i in.mp4 --live 30",
                ""},
    CommandInfo{CommandId::model_show, "model show", "show a model's ports, settings and layers",
                "millrace model show x2.onnx\n"
                "millrace model show x2.onnx -d cuda:0 --input-size 1920x1080\n"
                "millrace model show x2.onnx --input-range 255 --json",
                "FILE"},
    CommandInfo{CommandId::script_check, "script check", "run a script on made-up frames, and say what to mend",
                "millrace script check enhance.py\n"
                "millrace script check enhance.py --set gain=1.5 --size 1920x1080 --json\n"
                "millrace script check denoise.py upscale.py",
                "FILE..."},
    CommandInfo{CommandId::devices, "devices", "list what can be worked on",
                "millrace devices\nmillrace devices --json", ""},
    CommandInfo{CommandId::completion, "completion", "print a completion script for bash, zsh or fish",
                "source <(millrace completion bash)\n"
                "millrace completion zsh >\"${fpath[1]}/_millrace\"\n"
                "millrace completion fish >~/.config/fish/completions/millrace.fish",
                "SHELL"},
    CommandInfo{CommandId::man, "man", "print the manual page", "millrace man | man -l -", ""},
};

}  // namespace

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> words;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(separator), text.size());
        if (end > 0) words.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return words;
}

std::vector<std::string_view> Option::choices() const { return split(values, '|'); }

std::string Option::display_name() const {
    const auto words = split(spellings, ' ');
    return words.empty() ? "--" + std::string(name) : std::string(words.front());
}

std::vector<std::string> Option::all_spellings() const {
    std::vector<std::string> spelled;
    for (const std::string_view word : split(spellings, ' ')) spelled.emplace_back(word);
    spelled.push_back("--" + std::string(name));
    return spelled;
}

std::span<const Option> options() { return table; }

std::span<const CommandInfo> commands() { return command_table; }

const CommandInfo& command_info(CommandId command) {
    const auto* found = std::ranges::find(command_table, command, &CommandInfo::id);
    assert(found != command_table.end());
    return *found;
}

const Option* find_option(CommandId command, std::string_view spelling) {
    for (const Option& option : table) {
        if (!option.of(command)) continue;
        if (spelling.starts_with("--") && spelling.substr(2) == option.name) return &option;
        for (const std::string_view word : split(option.spellings, ' ')) {
            if (word == spelling) return &option;
        }
    }
    return nullptr;
}

}  // namespace millrace::app
