#pragma once
// How long each layer of a net takes on its GPU, kept with its plans.

#include <filesystem>
#include <string>
#include <vector>

namespace millrace::infer::fused {

struct LayerTime {
    std::string name;  ///< the layer's; of what lies before the first and behind the last, names of no node
    std::string plan;  ///< cuDNN's name of the plan that computes it; "": a kernel of ours
    double seconds = 0;
};

/// Taking what fused layers read into their layout, giving out what they made, and what ONNX Runtime runs between them.
inline constexpr const char* taking_in = "(input)";
inline constexpr const char* giving_out = "(output)";
inline constexpr const char* left_to_runtime = "(ONNX Runtime)";

/// Write them into an engine's folder, among its timings. Throws Error(failed).
void save_layer_times(const std::vector<LayerTime>& times, const std::filesystem::path& folder);

/// Empty where the folder has none.
[[nodiscard]] std::vector<LayerTime> load_layer_times(const std::filesystem::path& folder);

}  // namespace millrace::infer::fused
