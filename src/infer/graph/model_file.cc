#include "infer/graph/model_file.h"

#include <fmt/format.h>

#include <fstream>

namespace millrace::infer::graph {

core::Error bad_model(const std::string& path, const std::string& text) {
    return {core::ErrorCode::bad_input, fmt::format("model {}: {}", path, text)};
}

std::vector<std::byte> read_model_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    std::vector<std::byte> bytes(file ? static_cast<std::size_t>(file.tellg()) : 0);
    file.seekg(0);
    file.read(reinterpret_cast<char*>(bytes.data()),  // NOLINT(*-reinterpret-cast): streams read chars
              static_cast<std::streamsize>(bytes.size()));
    if (!file) throw bad_model(path, "cannot be read");
    return bytes;
}

}  // namespace millrace::infer::graph
