#include "device/device.h"

namespace millrace::device {

std::string to_string(DeviceId device) { return on_host(device) ? "cpu" : "cuda:" + std::to_string(device.index); }

}  // namespace millrace::device
