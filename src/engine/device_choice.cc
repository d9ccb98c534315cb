#include "engine/device_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>
#include <ranges>
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

std::vector<std::string> split(const std::string& names) {
    std::vector<std::string> parts;
    for (const auto part : std::views::split(names, ',')) parts.emplace_back(part.begin(), part.end());
    if (parts.empty()) parts.emplace_back();
    return parts;
}

std::string named_kind(const device::CudaDeviceInfo& gpu) {
    return fmt::format("{} (sm_{}{})", gpu.name, gpu.sm_major, gpu.sm_minor);
}

device::DeviceId id_of(const device::CudaDeviceInfo& gpu) { return {device::DeviceKind::cuda, gpu.index}; }

std::string list_of(const std::vector<device::CudaDeviceInfo>& gpus) {
    std::vector<device::DeviceId> ids;
    std::ranges::transform(gpus, std::back_inserter(ids), id_of);
    return device_names(ids);
}

// Refuses what no list of GPUs may hold.
class Choice {
  public:
    explicit Choice(const std::string& names) : names_(names) {}

    std::vector<device::DeviceId> gpus() {
        for (const std::string& name : split(names_)) add(name);
        std::vector<device::DeviceId> ids;
        std::ranges::transform(chosen_, std::back_inserter(ids), id_of);
        return ids;
    }

  private:
    [[nodiscard]] core::Error refused(const std::string& why) const {
        return {core::ErrorCode::usage, fmt::format("--device {}: {}", names_, why)};
    }

    void add(const std::string& name) {
        const std::optional<int> index = gpu_index(name);
        if (!index) {
            throw refused(
                "expected cpu, cuda, cuda:N or several of those GPUs with commas between; "
                "'millrace devices' lists what there is");
        }
        if (!device::built_with_cuda()) throw refused("this build runs on cpu only (built without CUDA)");
        if (there_are_.empty()) there_are_ = device::cuda_devices();
        if (there_are_.empty()) throw refused("CUDA finds no GPU on this machine");
        const auto found = std::ranges::find(there_are_, *index, &device::CudaDeviceInfo::index);
        if (found == there_are_.end()) {
            throw refused(fmt::format("there is no cuda:{}; this machine has {}", *index, list_of(there_are_)));
        }
        if (std::ranges::find(chosen_, *found) != chosen_.end()) {
            throw refused(fmt::format("cuda:{} is named twice", *index));
        }
        if (!chosen_.empty() && named_kind(chosen_.front()) != named_kind(*found)) {
            throw refused(fmt::format("a {} and a {} do not give the same bits; run one job on each",
                                      named_kind(chosen_.front()), named_kind(*found)));
        }
        chosen_.push_back(*found);
    }

    const std::string& names_;
    std::vector<device::CudaDeviceInfo> there_are_;
    std::vector<device::CudaDeviceInfo> chosen_;
};

}  // namespace

std::vector<device::DeviceId> choose_devices(const std::string& names) {
    if (names == "cpu") return {device::DeviceId{}};
    return Choice(names).gpus();
}

std::string kind_of(device::DeviceId device) {
    if (device::on_host(device)) return "cpu";
    const std::vector<device::CudaDeviceInfo> gpus = device::cuda_devices();
    const auto found = std::ranges::find(gpus, device.index, &device::CudaDeviceInfo::index);
    return found != gpus.end() ? named_kind(*found) : device::to_string(device);
}

std::string device_names(const std::vector<device::DeviceId>& devices) {
    std::string names;
    for (const device::DeviceId device : devices) names += (names.empty() ? "" : ",") + device::to_string(device);
    return names;
}

}  // namespace millrace::engine
