#pragma once
// Which devices a job names.

#include <string>
#include <vector>

#include "device/device.h"

namespace millrace::engine {

/// "cpu", "cuda" (the first GPU), "cuda:N", or several GPUs of one kind with commas between. Throws Error(usage) for
/// other words, for a GPU that this machine has not got or that is named twice, for GPUs that would not give the same
/// bits, and for any GPU where the build is without CUDA: the message says which there are.
[[nodiscard]] std::vector<device::DeviceId> choose_devices(const std::string& names);

/// What a device is called in identities, whatever its number: "cpu", "NVIDIA H200 (sm_90)".
[[nodiscard]] std::string kind_of(device::DeviceId device);

/// "cuda:0,cuda:1"
[[nodiscard]] std::string device_names(const std::vector<device::DeviceId>& devices);

}  // namespace millrace::engine
