#pragma once
// What this machine is, for descriptions and keys.

#include <string>

namespace millrace::engine {

/// "AMD EPYC 9B14"; "CPU" where the system does not say.
[[nodiscard]] std::string processor_name();

/// Version of NVIDIA's kernel driver; "unknown" where there is none. Containers see the machine's, too.
[[nodiscard]] std::string gpu_driver_version();

}  // namespace millrace::engine
