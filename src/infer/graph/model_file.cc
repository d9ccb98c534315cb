#include "infer/graph/model_file.h"

#include <fmt/format.h>

#include <fstream>

#include "core/error.h"

namespace millrace::infer::graph {

std::vector<std::byte> read_model_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    std::vector<std::byte> bytes(file ? static_cast<std::size_t>(file.tellg()) : 0);
    file.seekg(0);
    file.read(reinterpret_cast<char*>(bytes.data()),  // NOLINT(*-reinterpret-cast): streams read chars
              static_cast<std::streamsize>(bytes.size()));
    if (!file) throw core::Error(core::ErrorCode::bad_input, fmt::format("model {}: cannot be read", path));
    return bytes;
}

}  // namespace millrace::infer::graph
