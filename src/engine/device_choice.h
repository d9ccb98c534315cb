#pragma once
// Which device a job names.

#include <string>

#include "device/device.h"

namespace millrace::engine {

/// "cpu", "cuda" (the first GPU) or "cuda:N". Throws Error(usage) for other words, for a GPU that this machine has not
/// got, and for any GPU where the build is without CUDA: the message says which there are.
[[nodiscard]] device::DeviceId choose_device(const std::string& name);

}  // namespace millrace::engine
