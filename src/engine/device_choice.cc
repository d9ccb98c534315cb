#include "engine/device_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "device/cuda/probe.h"

namespace millrace::engine {

namespace {

// "cuda" is "cuda:0"; nullopt for what names no GPU.
std::optional<int> gpu_index(std::string_view name) {
    if (name == "cuda") return 0;
    constexpr std::string_view prefix = "cuda:";
    if (!name.starts_with(prefix)) return std::nullopt;
    const std::string digits(name.substr(prefix.size()));
    const char* end = digits.c_str() + digits.size();
    int index = -1;
    const auto [rest, problem] = std::from_chars(digits.c_str(), end, index);
    if (problem != std::errc{} || rest != end || index < 0) return std::nullopt;
    return index;
}

std::string list_of(const std::vector<device::CudaDeviceInfo>& gpus) {
    std::string names;
    for (const device::CudaDeviceInfo& gpu : gpus) {
        names += (names.empty() ? "" : ", ") + device::to_string({device::DeviceKind::cuda, gpu.index});
    }
    return names;
}

}  // namespace

device::DeviceId choose_device(const std::string& name) {
    const auto refuse = [&name](const std::string& why) {
        return core::Error(core::ErrorCode::usage, fmt::format("--device {}: {}", name, why));
    };
    if (name == "cpu") return {};
    const std::optional<int> index = gpu_index(name);
    if (!index) throw refuse("expected cpu, cuda or cuda:N; 'millrace devices' lists what there is");
    if (!device::built_with_cuda()) throw refuse("this build runs on cpu only (built without CUDA)");
    const std::vector<device::CudaDeviceInfo> gpus = device::cuda_devices();
    if (gpus.empty()) throw refuse("CUDA finds no GPU on this machine");
    if (std::ranges::find(gpus, *index, &device::CudaDeviceInfo::index) == gpus.end()) {
        throw refuse("there is none; this machine has " + list_of(gpus));
    }
    return {device::DeviceKind::cuda, *index};
}

}  // namespace millrace::engine
