#pragma once
// A job: what a user asks for. Plain data, nothing decided yet. Empty strings and nullopt mean "not said".

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace millrace {

/// What to do with frames that the decoder reports as damaged. conceal: keep what the decoder made of them, and list
/// them. drop: leave them out, and list them. fail: stop at the first.
enum class OnCorrupt { conceal, drop, fail };

/// Whether fallbacks and losses (listed in the report either way) are errors.
enum class Strictness { lenient, strict };

/// What to do when the output file exists.
enum class Overwrite { refuse, replace };

/// What to do with a journal that an earlier run left beside the output. resume: continue it, refuse if it is of
/// another job. restart: throw it away.
enum class Continue { resume, restart };

/// How an odd picture size is made even for 4:2:0. pad repeats the last column or row; crop drops it.
enum class OddSize { refuse, pad, crop };

/// What a float32 model is computed in on a GPU. fp32: float32. tf32: float32 whose products have 11 bits of mantissa,
/// by ONNX Runtime's CUDA provider. fp16: float16, checked against float32 on frames of the input; where the results
/// are too far apart the model runs in float32, which is a fallback. automatic: fp16 where the check allows it, else
/// fp32; on the CPU fp32.
enum class Precision { automatic, fp32, tf32, fp16 };

/// Whether a run takes what tune() found for its model, where the job does not say.
enum class Tuning { use, ignore };

/// Who runs a model on a GPU. automatic: ONNX Runtime's CUDA provider. tensorrt: TensorRT through ONNX Runtime, with an
/// engine that is built before the run where `engine_cache` has none. fused: cuDNN, layer by layer with what follows
/// each fused into it, in float16; the plans of the layers are an engine too.
enum class ModelRuntime { automatic, cuda, tensorrt, fused };

enum class Keep { yes, no };
enum class Deinterlacing { off, bwdif };

/// The model of a job.
struct ModelOptions {
    std::string path;                             ///< ONNX file; empty: no model
    std::map<std::string, std::string> settings;  ///< keys of docs/models.md: "input.range" = "255"
    std::optional<int> batch;                     ///< frames a run
    std::optional<int> threads;                   ///< threads inside one run; recorded, as it may change bits
    std::optional<int> workers;                   ///< runs at once; 0 or nullopt: as many as there are cores
    std::chrono::milliseconds batch_timeout{50};  ///< a batch leaves when its oldest frame waited this long
    Precision precision = Precision::automatic;
    std::string runtime_library;  ///< path of libonnxruntime; empty: found
    ModelRuntime runtime = ModelRuntime::automatic;
    std::string engine_cache;  ///< folder where engines are kept
    Tuning tuning = Tuning::use;
    std::string tune_folder;  ///< where tune() keeps what it found; empty: nowhere

    bool operator==(const ModelOptions&) const = default;
};

/// A Python script that frames go through, in processes of its own, instead of a model.
struct ScriptOptions {
    std::string path;                             ///< Python file; empty: no script
    std::vector<std::string> further;             ///< each takes what the one before made
    std::map<std::string, std::string> settings;  ///< parameters of the script: "gain" = "1.5"
    std::string python;                           ///< interpreter; empty: found
    std::optional<int> workers;                   ///< processes at once; nullopt: by the device and the machine
    double timeout = 0;                           ///< seconds that one call of the script may take; 0: any

    bool operator==(const ScriptOptions&) const = default;
};

/// Of all scripts of a run, in their order.
[[nodiscard]] inline std::vector<std::string> all_paths(const ScriptOptions& script) {
    std::vector<std::string> paths{script.path};
    paths.insert(paths.end(), script.further.begin(), script.further.end());
    return paths;
}

/// The encoder and container of a job.
struct OutputOptions {
    std::string path;         ///< a file, a pattern ("out/%06d.png"), or "-" for standard output
    std::string format;       ///< FFmpeg's muxer name; empty: by extension
    std::string video_codec;  ///< FFmpeg's encoder name; empty: by container, mostly libx264
    std::optional<double> crf;
    std::string preset;
    std::optional<std::int64_t> bit_rate;  ///< bits per second
    std::string pixel_format;
    std::vector<std::pair<std::string, std::string>> encoder_options;
    std::optional<int> encoder_threads;
    OddSize odd_size = OddSize::refuse;
    bool fragmented = false;
    Keep audio = Keep::yes;
    Keep subtitles = Keep::yes;

    bool operator==(const OutputOptions&) const = default;
};

/// Which frames of the input are worked on.
struct InputOptions {
    std::string path;                         ///< a file, or "-" for standard input
    int video_stream = 0;                     ///< counted among video streams
    std::optional<std::int64_t> start_us;     ///< -ss: first frame at or after this time from the start
    std::optional<std::int64_t> duration_us;  ///< -t
    std::optional<std::int64_t> frames;       ///< --frames: at most this many
    Deinterlacing deinterlace = Deinterlacing::off;
    OnCorrupt on_corrupt = OnCorrupt::conceal;
    /// Colour by FFmpeg's names where the stream is wrong or silent: "bt709", "limited" / "full", "left" ...
    std::string color_matrix;
    std::string color_range;
    std::string chroma_location;
    std::optional<int> decoder_threads;
    std::string rate;  ///< frames a second of an input that has no times: "25", "23.976", "30000/1001"

    bool operator==(const InputOptions&) const = default;
};

/// Limits of a run; none of them changes a bit of the result, but segment_length.
struct RunOptions {
    /// Where models run and pictures are made: "cpu", "cuda" (the first GPU), "cuda:N", or several GPUs of one kind
    /// with commas between.
    std::string device = "cpu";
    std::size_t memory = 0;      ///< bytes for what is in flight; 0: 1 GiB a core, at most a quarter of the machine's
    std::size_t gpu_memory = 0;  ///< bytes of each GPU's memory; 0: four fifths of what is free when the run begins
    int lanes = 0;               ///< segments in work at once, at most; 0: grown as needed
    double segment_length = 0;   ///< seconds; 0: by the rule of docs/segments.md
    Continue journal = Continue::resume;
    Overwrite overwrite = Overwrite::refuse;
    Strictness strictness = Strictness::lenient;
    bool trace = false;  ///< collect events for Report::trace_json

    bool operator==(const RunOptions&) const = default;
};

struct Job {
    InputOptions input;
    OutputOptions output;
    ModelOptions model;
    ScriptOptions script;  ///< instead of a model
    RunOptions run;
    std::string work_folder;  ///< where the journal lives; empty: "<output>.millrace"

    bool operator==(const Job&) const = default;
};

}  // namespace millrace
