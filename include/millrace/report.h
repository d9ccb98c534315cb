#pragma once
// What a run did, and where its time went.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace millrace {

/// One stage of the flow. Times are sums over its workers, in seconds.
struct StageReport {
    std::string name;         ///< "decode", "to_tensor", "model", "to_picture", "encode", "join"
    int workers = 0;          ///< most workers at once
    std::int64_t frames = 0;  ///< frames that passed
    double busy = 0;          ///< doing its own work
    double wait_input = 0;    ///< had nothing to do
    double wait_output = 0;   ///< could not hand on
    double ceiling_fps = 0;   ///< frames per second if its workers never waited; 0 unknown
    double gpu = 0;           ///< its work on GPUs took, beside what its workers did
};

/// Frame accounting. decoded = processed + dropped; processed = encoded = muxed, or the run failed.
struct FrameCounts {
    std::int64_t expected = -1;  ///< by the index; -1 unknown
    std::int64_t decoded = 0;
    std::int64_t processed = 0;
    std::int64_t encoded = 0;
    std::int64_t muxed = 0;
    std::vector<std::int64_t> dropped_pts;  ///< left out by --on-corrupt drop
    std::vector<std::int64_t> corrupt_pts;  ///< kept, damaged
    std::vector<std::int64_t> missing_pts;  ///< promised by the index, never decoded
    std::int64_t decode_errors = 0;         ///< packets that the decoder rejected
    std::int64_t retimed = 0;               ///< frames without a usable pts, given one
    std::int64_t reshaped = 0;              ///< frames of another size or format than the stream began with
    std::int64_t nan_values = 0;            ///< NaN that a model wrote; each became 0
};

struct SegmentCounts {
    int total = 0;
    int reused = 0;  ///< finished by an earlier run
};

/// What a GPU really did during the run, as CUPTI saw it. Times in which at least one such piece of work ran.
struct GpuReport {
    std::string device;  ///< "cuda:0"
    double kernel_seconds = 0;
    double kernel_share = 0;  ///< of the time in which kernels were recorded, 0 to 1
    std::int64_t kernels = 0;
    double kernels_watched = 0;  ///< seconds in which they were recorded, from the beginning on
    double up_seconds = 0;
    double down_seconds = 0;
    std::int64_t up_bytes = 0;    ///< host to device
    std::int64_t down_bytes = 0;  ///< device to host
};

/// How long a thread that asked for Python's lock during calls into the script waited for it, sampled.
struct GilReport {
    std::int64_t samples = 0;     ///< of all processes; 0: calls were too short for any
    double waited_share = 0;      ///< of the samples: longer than 1 ms, whoever held it; 0 to 1
    double held_up_share = 0;     ///< of the samples: such, while the script stood still and others ran Python
    double wait_p50_seconds = 0;  ///< half of the samples waited no longer
    double wait_p95_seconds = 0;
};

/// Copies that one line of a script asked for, on a GPU.
struct ScriptCopies {
    std::string line;       ///< "enhance.py:42"
    std::string direction;  ///< "up": host to device; "down": device to host; "across": on the device, or between two
    std::int64_t count = 0;
    std::int64_t bytes = 0;
    double seconds = 0;  ///< of all of them, though some may have run side by side
};

/// What a run's script did, summed over its processes. Times in seconds.
struct ScriptReport {
    std::string kind;  ///< "processor", "analyser", "generator"
    int workers = 0;   ///< processes; 0: the run has no script
    std::int64_t calls = 0;
    double python_seconds = 0;     ///< in calls, work on the host that they wait for included
    double gil_wait_seconds = 0;   ///< before calls: other threads of Python had its lock
    std::int64_t peak_memory = 0;  ///< bytes resident at most, summed
    GilReport gil;
    std::optional<std::vector<ScriptCopies>> copies;  ///< the most bytes first; none: not measured
};

struct Report {
    std::string input;
    std::string output;
    std::string device;
    std::string model;          ///< path; empty: none
    std::string encoder;        ///< "libx264"; empty for data
    std::string runtime;        ///< "ONNX Runtime 1.31.1", "ONNX Runtime 1.31.1, TensorRT 10.13.3"
    std::string model_runs_as;  ///< "cpu", "cuda/nhwc/graph/full/heuristic", "tensorrt"; empty without a model
    std::string engine;         ///< which engine TensorRT ran; empty: none
    int width_in = 0;
    int height_in = 0;
    int width_out = 0;
    int height_out = 0;
    double input_seconds = 0;  ///< length of what was worked on
    FrameCounts frames;
    SegmentCounts segments;
    std::string one_segment_reason;  ///< why the file could not be cut; empty when it could
    std::vector<StageReport> stages;
    std::vector<GpuReport> gpus;  ///< those that did something
    ScriptReport script;
    double started = 0;                  ///< when the call began, seconds since 1970
    double wall_seconds = 0;             ///< of the whole call
    double run_seconds = 0;              ///< from the first decode to the last packet, without loading and joining
    double load_seconds = 0;             ///< model load, and what is tried out at load
    double first_run_seconds = 0;        ///< of the model, until its result was there; on a GPU part of load_seconds
    double first_frame_seconds = 0;      ///< from the call to the first frame handed to the model or the encoder
    double join_seconds = 0;             ///< of what was left to join after the last segment
    int cores = 0;                       ///< that the run may use
    double cores_at_work = 0;            ///< of them for this run, all its processes, on average over run_seconds
    double fps = 0;                      ///< frames worked on in this call / run_seconds
    std::int64_t peak_memory = 0;        ///< bytes resident at most
    std::string limiting_stage;          ///< "" when nothing was worked on
    std::string verdict;                 ///< one line: what limits, how near its ceiling, what would move it
    std::vector<std::string> fallbacks;  ///< each an error under --strict
    std::vector<std::string> notes;      ///< conversions, shifts, one-segment reasons: worth knowing, nothing lost
    std::string trace_json;              ///< Chrome trace, when asked for
};

/// The report as JSON (without trace_json), schema in docs/report.md.
[[nodiscard]] std::string to_json(const Report& report);

}  // namespace millrace
