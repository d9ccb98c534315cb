#pragma once
// What a script in Python declares about itself.

#include <optional>
#include <string>
#include <vector>

#include "infer/model.h"

namespace millrace::infer {

/// processor: pictures to pictures. analyser: pictures to one line of JSON each. generator: pictures of its own, and no
/// model's place.
enum class ScriptKind { processor, analyser, generator };

/// "processor"
[[nodiscard]] const char* name(ScriptKind kind);

/// One script of a chain.
struct ScriptStep {
    int scale = 1;
    int rate = 1;
};

struct ScriptDescription {
    std::string path;
    std::string sha256;  ///< of the file
    ScriptKind kind = ScriptKind::processor;
    Settings settings;                         ///< as a model's: "input.color", "window", "batch" ...
    core::DType dtype = core::DType::float32;  ///< of what it is handed and gives back; uint8 too; see frames_dtype()
    std::vector<ScriptStep> steps{ScriptStep{}};  ///< each takes what the one before made
    bool saves = false;                           ///< sequential: its state can be kept
    std::string parameters;                       ///< JSON of what --set gave, defaults included
    std::string runtime;                          ///< "Python 3.11.2"
};

/// What all its steps come to: so many times the size, and so many pictures of each frame.
[[nodiscard]] ScriptStep whole_step(const ScriptDescription& script);

/// The video that a script is for.
struct ScriptVideo {
    std::string path;
    core::PictureDesc picture;
};

/// A script as a model, in the dtype of its frames or, for uint8, in float32 with white at 255: one picture input, [N,
/// C, H, W] or [N, H, W, C], with a window [N, T, ...], and one output. Of the color yuv, which no model has, frames
/// are the video's planes. `batch` beats the script's own. Throws Error(usage) as parse_settings() and resolve_model()
/// do, Error(bad_input) where the video has no such planes.
[[nodiscard]] ModelDescription describe_script(const ScriptDescription& script, const ScriptVideo& video,
                                               std::optional<int> batch);

/// What scripts see: planes have the video's dtype, whatever the script says.
[[nodiscard]] core::DType frames_dtype(const ScriptDescription& script, const ModelDescription& model);

/// The shape of its output as a model for pictures of `input` size; of an analyser's a placeholder, as its lines have
/// any length.
[[nodiscard]] core::TensorDesc script_output_desc(const ScriptDescription& script, const ModelDescription& model,
                                                  Size input);

/// Of what each script of a chain gives back, in the script's dtype.
[[nodiscard]] std::vector<core::TensorDesc> script_step_descs(const ScriptDescription& script,
                                                              const ModelDescription& model, Size input);

}  // namespace millrace::infer
