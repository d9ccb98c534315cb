#include "engine/machine.h"

#include <fstream>

namespace millrace::engine {

std::string processor_name() {
    std::ifstream info("/proc/cpuinfo");
    for (std::string line; std::getline(info, line);) {
        if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
    }
    return "CPU";
}

std::string gpu_driver_version() {
    std::ifstream file("/sys/module/nvidia/version");
    std::string driver;
    std::getline(file, driver);
    return driver.empty() ? "unknown" : driver;
}

}  // namespace millrace::engine
