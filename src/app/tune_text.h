#pragma once
// What tuning found, for people: a table and a picture of the JSON that docs/tuning.md describes.

#include <string>

namespace millrace::app {

/// Of tune_json(): everything measured, why each search ended, what was chosen.
[[nodiscard]] std::string render_tune(const std::string& json);

/// The same as a picture, an SVG document: frames a second by batch, a line for each way to run; of a live source,
/// how long frames wait against how many come through.
[[nodiscard]] std::string plot_tune(const std::string& json);

}  // namespace millrace::app
