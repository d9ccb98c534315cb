#include "infer/model_fixture.h"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "device/buffer_pool.h"

namespace millrace::infer {

ModelRequest test_request(const std::string& file) {
    ModelRequest request;
    request.path = std::filesystem::path(MILLRACE_TEST_MODELS) / file;
    request.runtime_library = MILLRACE_ONNXRUNTIME_LIBRARY;
    request.threads = 1;
    return request;
}

Tensors lease_all(const std::vector<core::TensorDesc>& descs) {
    device::BufferPool pool({}, "test", std::size_t{1} << 30U);
    Tensors tensors;
    for (const core::TensorDesc& desc : descs) {
        tensors.push_back(device::lease_tensor(pool, desc));
        std::memset(tensors.back().data, 0, desc.byte_count());
    }
    return tensors;
}

std::string TemporaryFolder::write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return folder_ / name;
}

ModelRequest TemporaryFolder::copy_of(const std::string& model) const {
    ModelRequest request = test_request(model);
    std::filesystem::copy_file(request.path, folder_ / model);
    request.path = folder_ / model;
    return request;
}

std::string read_all(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("cannot read " + path.string());
    return {std::istreambuf_iterator<char>(file), {}};
}

std::string run_python(const std::string& script) {
    const TemporaryFolder folder;
    const std::string command = fmt::format("'{}' '{}'", MILLRACE_TEST_PYTHON, folder.write("script.py", script));
    std::FILE* pipe = popen(command.c_str(), "r");
    if (pipe == nullptr) throw std::runtime_error("cannot run " + command);
    std::string printed;
    std::array<char, 4096> chunk{};
    for (std::size_t got = 0; (got = std::fread(chunk.data(), 1, chunk.size(), pipe)) > 0;) {
        printed.append(chunk.data(), got);
    }
    if (pclose(pipe) != 0) throw std::runtime_error("failed: " + script);
    return printed;
}

}  // namespace millrace::infer
