#pragma once
// Which other files an ONNX file keeps its weights in.

#include <cstddef>
#include <set>
#include <span>
#include <string>

namespace millrace::infer {

/// The "location" of every tensor with external data, as it stands in the file: relative to the file's folder. `model`:
/// the bytes of a ModelProto in Protocol Buffers wire format (onnx.proto, IR version 3 and later). Looks at
/// initializers, node attributes, their subgraphs and functions. Bytes that are not such a message end the search
/// without an error: telling whether a file is a model is the runtime's part.
[[nodiscard]] std::set<std::string> external_data(std::span<const std::byte> model);

/// SHA-256 of the ONNX file's bytes, followed by the bytes of its external data files in the order of their names.
/// Throws Error(bad_input) naming the file that cannot be read.
[[nodiscard]] std::string fingerprint(const std::string& path);

}  // namespace millrace::infer
