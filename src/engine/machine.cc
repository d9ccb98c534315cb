#include "engine/machine.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <vector>

#include "core/affinity.h"

namespace millrace::engine {

namespace {

// All that a file holds; none where one is no number above 0, as in "max 100000" and "-1".
std::vector<std::int64_t> limits_in(const std::string& file) {
    std::vector<std::int64_t> numbers;
    std::ifstream text(file);
    for (std::string word; text >> word;) {
        std::int64_t number = 0;
        const char* end = word.data() + word.size();
        const auto [parsed, error] = std::from_chars(word.data(), end, number);
        if (error != std::errc{} || parsed != end || number <= 0) return {};
        numbers.push_back(number);
    }
    return numbers;
}

// One cgroup's own, of either version: their files have different names.
void take_folder(const std::string& folder, CgroupLimits& limits) {
    std::vector<std::int64_t> quota = limits_in(folder + "/cpu.max");
    if (quota.empty()) {
        quota = limits_in(folder + "/cpu.cfs_quota_us");
        std::ranges::copy(limits_in(folder + "/cpu.cfs_period_us"), std::back_inserter(quota));
    }
    if (quota.size() == 2) {
        const std::int64_t cores = quota[0] / quota[1] + (quota[0] % quota[1] > 0 ? 1 : 0);
        limits.cores = static_cast<int>(std::min<std::int64_t>(limits.cores, cores));
    }
    for (const char* file : {"/memory.max", "/memory.limit_in_bytes"}) {
        const std::vector<std::int64_t> bytes = limits_in(folder + file);
        if (bytes.size() == 1) limits.memory = std::min(limits.memory, static_cast<std::size_t>(bytes[0]));
    }
}

// A cgroup and its parents up to `root`. Where a container has no namespace of its own, `path` is the machine's, and
// `root` is the cgroup itself; "/.." leads out of the namespace.
void take_path(const std::string& root, std::string path, CgroupLimits& limits) {
    std::error_code ignored;
    const bool is_outside = (path + "/").starts_with("/../");
    if (path == "/" || is_outside || !std::filesystem::is_directory(root + path, ignored)) path.clear();
    take_folder(root, limits);
    for (; !path.empty(); path.erase(path.rfind('/'))) take_folder(root + path, limits);
}

// Where cgroups with these controllers are seen: of version 2 (no controllers are named) alone, or beside version 1.
std::vector<std::string> roots_of(const std::string& controllers, const std::string& mount) {
    if (controllers.empty()) return {mount, mount + "/unified"};
    std::vector<std::string> roots;
    for (const char* one : {"cpu", "memory"}) {
        if (fmt::format(",{},", controllers).find(fmt::format(",{},", one)) == std::string::npos) continue;
        roots.push_back(fmt::format("{}/{}", mount, one));
        // "cpu,cpuacct", to which "cpu" is mostly a link.
        if (controllers != one) roots.push_back(fmt::format("{}/{}", mount, controllers));
    }
    return roots;
}

}  // namespace

CgroupLimits cgroup_limits(const std::string& cgroups, const std::string& mount) {
    CgroupLimits limits;
    std::ifstream file(cgroups);
    for (std::string line; std::getline(file, line);) {  // "0::/a/b", "4:cpu,cpuacct:/a/b"
        const std::size_t first = line.find(':');
        const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
        if (second == std::string::npos || !line.substr(second + 1).starts_with('/')) continue;
        for (const std::string& root : roots_of(line.substr(first + 1, second - first - 1), mount)) {
            take_path(root, line.substr(second + 1), limits);
        }
    }
    return limits;
}

int machine_cores() { return std::min(core::affine_cores(), cgroup_limits().cores); }

std::size_t machine_memory() {
    const auto pages = static_cast<std::size_t>(::sysconf(_SC_PHYS_PAGES));
    return std::min(pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)), cgroup_limits().memory);
}

std::string processor_name() {
    std::ifstream info("/proc/cpuinfo");
    for (std::string line; std::getline(info, line);) {
        if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
    }
    return "CPU";
}

std::string processor_text() {
    const int cores = machine_cores();
    return fmt::format("{}, {} core{}", processor_name(), cores, cores == 1 ? "" : "s");
}

std::string gpu_driver_version() {
    std::ifstream file("/sys/module/nvidia/version");
    std::string driver;
    std::getline(file, driver);
    return driver.empty() ? "unknown" : driver;
}

}  // namespace millrace::engine
