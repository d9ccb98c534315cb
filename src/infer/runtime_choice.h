#pragma once
// How a session runs a model where there are several ways.

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::infer {

/// Where the kernels come from. tensorrt: from an engine that was built ahead (infer/engine_cache.h), and CUDA's for
/// what TensorRT does not take. fused: from cuDNN, by an engine that holds the plans of the model's fused layers, in
/// float16.
enum class Provider : std::uint8_t { cpu, cuda, tensorrt, fused };
/// In which order convolutions see their data; the runtime transposes where the model has it otherwise.
enum class ConvLayout : std::uint8_t { nchw, nhwc };
/// How a run reaches the GPU: kernel by kernel, or as a graph that was captured once for the same memory.
enum class Launch : std::uint8_t { kernels, graph };
/// What float32 arithmetic means on a GPU: 24 bits of mantissa, or 11 where tensor cores take part. float16 weights are
/// multiplied as they are, and summed in float32, either way.
enum class FloatMath : std::uint8_t { full, tf32 };
/// How cuDNN picks an algorithm for a convolution: heuristic does not measure, so that it picks the same every time.
enum class ConvSearch : std::uint8_t { heuristic, exhaustive };

/// The model's weights, and what is computed with them: as the file has them, or made float16 at load.
enum class Weights : std::uint8_t { as_is, fp16 };

/// Everything about a run that may change the last bits of a result besides the model, the batch and the versions of
/// the libraries. Two sessions with the same choice on the same kind of device give the same bits; with TensorRT or
/// fused layers, two that run the same engine. On the CPU and fused only `provider` means something, with TensorRT
/// `weights` too.
struct RuntimeChoice {
    Provider provider = Provider::cpu;
    ConvLayout layout = ConvLayout::nchw;
    Launch launch = Launch::kernels;
    FloatMath math = FloatMath::full;
    ConvSearch search = ConvSearch::heuristic;
    Weights weights = Weights::as_is;

    friend bool operator==(const RuntimeChoice&, const RuntimeChoice&) = default;
};

/// "cpu", "tensorrt": by its name alone.
[[nodiscard]] std::string_view name(Provider provider);

/// Whether it runs engines that are built ahead.
[[nodiscard]] constexpr bool runs_engines(Provider provider) {
    return provider == Provider::tensorrt || provider == Provider::fused;
}

/// "cpu", "cuda/nhwc/graph/full/heuristic", "cuda/nhwc/graph/tf32/heuristic/fp16", "tensorrt", "tensorrt/fp16",
/// "fused".
[[nodiscard]] std::string to_string(const RuntimeChoice& choice);

/// The inverse. Throws Error(bad_input) that says what was expected.
[[nodiscard]] RuntimeChoice parse_runtime_choice(std::string_view text);

}  // namespace millrace::infer
