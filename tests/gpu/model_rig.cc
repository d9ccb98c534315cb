#include "gpu/model_rig.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>

#include "device/copy.h"

namespace millrace::infer::test {

using device::BufferPool;
using device::copied;
using device::Stream;
using device::Tensor;
using Tensors = std::vector<Tensor>;

namespace {

std::filesystem::path repository() {
    const std::filesystem::path built = MILLRACE_SOURCE_DIR;
    return std::filesystem::exists(built / "models") ? built : std::filesystem::current_path();
}

}  // namespace

std::string held(const char* name) { return repository() / "models" / name; }

std::string made(const char* name) {
    static const std::filesystem::path folder = [] {
        if (const char* there = std::getenv("MILLRACE_GPU_MODELS")) return std::filesystem::path(there);  // NOLINT
        std::string path = std::filesystem::temp_directory_path() / "millrace-gpu-XXXXXX";
        if (mkdtemp(path.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder");
        const std::string script = repository() / "bench" / "gpu" / "make_models.py";
        const std::string command = "python3 '" + script + "' --small '" + path + "' > /dev/null";
        if (std::system(command.c_str()) != 0) throw std::runtime_error("failed: " + command);  // NOLINT
        return std::filesystem::path(path);
    }();
    return folder / name;
}

ModelRequest request_for(const std::string& path, device::DeviceId device, int batch) {
    ModelRequest request;
    request.path = path;
    request.device = device;
    request.batch = batch;
    const char* library = std::getenv("MILLRACE_ONNXRUNTIME");  // NOLINT(concurrency-mt-unsafe)
    request.runtime_library = library != nullptr ? library : "";
    return request;
}

std::unique_ptr<Session> session_of(const ModelRequest& request, Size size) {
    return make_session(request, describe_model(request), size);
}

std::vector<double> values_of(const core::TensorDesc& desc, const Bytes& bytes) {
    std::vector<double> values(static_cast<std::size_t>(desc.element_count()));
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (desc.dtype == core::DType::float32) {
            float value = 0;
            std::memcpy(&value, bytes.data() + i * sizeof(value), sizeof(value));
            values[i] = static_cast<double>(value);
        } else {
            std::uint16_t bits = 0;
            std::memcpy(&bits, bytes.data() + i * sizeof(bits), sizeof(bits));
            const int exponent = bits >> 10U & 31U;
            const int mantissa = bits & 1023U;
            const double size = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
            values[i] = exponent == 31 ? std::nan("") : (bits & 0x8000U) != 0 ? -size : size;
        }
    }
    return values;
}

Tensor Rig::input(const core::TensorDesc& desc, unsigned seed) {
    Tensor tensor = device::lease_tensor(host, desc);
    unsigned state = seed * 2654435761U + 1;
    for (std::int64_t i = 0; i < desc.element_count(); ++i) {
        state = state * 1664525U + 1013904223U;
        const double rough = static_cast<double>(state >> 8U) / (1U << 24U);
        const double value = 0.5 + 0.3 * std::sin(static_cast<double>(i) * 0.01 + seed) + 0.2 * (rough - 0.5);
        if (desc.dtype == core::DType::float32) {
            tensor.as<float>()[i] = static_cast<float>(value);
        } else {
            // Rounded down to 10 bits of mantissa; value is in (0, 1).
            int exponent = 0;
            const auto mantissa = static_cast<unsigned>(std::ldexp(std::frexp(value, &exponent), 11));
            tensor.as<std::uint16_t>()[i] =
                static_cast<std::uint16_t>((static_cast<unsigned>(exponent + 14) << 10U) | (mantissa & 1023U));
        }
    }
    return tensor;
}

Bytes Rig::run(Session& session, const Tensor& input) { return run_all(session, input).front(); }

std::vector<Bytes> Rig::run_all(Session& session, const Tensor& input) {
    const bool on_host = device::on_host(session.stream());
    BufferPool& pool = on_host ? host : memory;
    const Stream other(session.stream().device);
    Tensors inputs;
    inputs.push_back(copied(other, pool, input));
    Tensors outputs;
    for (const core::TensorDesc& desc : session.output_descs()) outputs.push_back(device::lease_tensor(pool, desc));
    session.run(session.stream(), {inputs, outputs});
    std::vector<Bytes> results;
    for (const Tensor& output : outputs) {
        const Tensor down = copied(other, host, output);
        device::synchronize(other);
        results.emplace_back(down.data, down.data + down.desc.byte_count());
    }
    return results;
}

Difference compare(const core::TensorDesc& desc, const Bytes& expected, const Bytes& found) {
    const std::vector<double> want = values_of(desc, expected);
    const std::vector<double> have = values_of(desc, found);
    Difference result;
    double signal = 0;
    double noise = 1e-30;
    for (std::size_t i = 0; i < want.size(); ++i) {
        const double error = std::isfinite(have[i]) ? std::abs(want[i] - have[i]) : 1e9;
        result.largest = std::max(result.largest, error);
        signal += want[i] * want[i];
        noise += error * error;
    }
    result.decibels = 10 * std::log10(signal / noise);
    return result;
}

Difference against_cpu(const ModelRequest& request, Size size) {
    Rig rig;
    ModelRequest on_cpu = request;
    on_cpu.device = {};
    on_cpu.choice.reset();
    const auto here = session_of(on_cpu, size);
    const auto there = session_of(request, size);
    EXPECT_EQ(there->input_descs(), here->input_descs());
    EXPECT_EQ(there->output_descs(), here->output_descs());
    const Tensor input = rig.input(here->input_descs().at(0), 1);
    const Bytes expected = rig.run(*here, input);
    const Difference difference = compare(here->output_descs().at(0), expected, rig.run(*there, input));
    const SessionReport report = there->report();
    std::cout << std::filesystem::path(request.path).filename().string() << ": " << to_string(report.choice)
              << ", largest difference " << difference.largest << ", " << difference.decibels << " dB; load "
              << report.load_seconds << " s, first run " << report.first_run_seconds << " s\n";
    return difference;
}

}  // namespace millrace::infer::test
