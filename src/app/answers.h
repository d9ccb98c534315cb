#pragma once
// The engine's JSON answers as text for people. The JSON itself is described in docs/probe.md and docs/cli.md.

#include <string>

namespace millrace::app {

/// Of probe_json(): the container, its streams, colour with origins, segments, what would run where.
[[nodiscard]] std::string render_probe(const std::string& json);

/// Of model_json(): ports, and every setting with its origin.
[[nodiscard]] std::string render_model(const std::string& json);

/// Of devices_json(): what --device may name, and the libraries that were found.
[[nodiscard]] std::string render_devices(const std::string& json);

/// Of bench_json(): the ceilings, the whole, and their ratio.
[[nodiscard]] std::string render_bench(const std::string& json);

/// Of versions_json(): one line each, "millrace 0.1.0" first.
[[nodiscard]] std::string render_versions(const std::string& json);

}  // namespace millrace::app
