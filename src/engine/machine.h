#pragma once
// What this machine is, for descriptions and keys, and how much of it this process may use.

#include <cstddef>
#include <limits>
#include <string>

namespace millrace::engine {

/// "AMD EPYC 9B14"; "CPU" where the system does not say.
[[nodiscard]] std::string processor_name();

/// processor_name() and machine_cores(): "AMD EPYC 9B14, 16 cores".
[[nodiscard]] std::string processor_text();

/// Version of NVIDIA's kernel driver; "unknown" where there is none. Containers see the machine's, too.
[[nodiscard]] std::string gpu_driver_version();

/// That the calling thread may use: by its CPU affinity, and no more than its cgroup's CPU quota, rounded up. At
/// least 1. Asked anew each time, in some 0.2 ms: both may change while the process lives.
[[nodiscard]] int machine_cores();

/// Bytes of the machine's memory, and no more than the cgroup's limit.
[[nodiscard]] std::size_t machine_memory();

struct CgroupLimits {
    int cores = std::numeric_limits<int>::max();
    std::size_t memory = std::numeric_limits<std::size_t>::max();  ///< bytes
};

/// The least that any of a process's cgroups allows, and any of their parents as far as they can be seen. `cgroups`:
/// the file that lists them; `mount`: the folder that they are seen in, of version 1, 2, or both (cgroups(7)). What is
/// not there, or not to be understood, is no limit.
[[nodiscard]] CgroupLimits cgroup_limits(const std::string& cgroups = "/proc/self/cgroup",
                                         const std::string& mount = "/sys/fs/cgroup");

}  // namespace millrace::engine
