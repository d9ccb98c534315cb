#include "core/usage.h"

#include <sys/resource.h>

namespace millrace::core {

namespace {

rusage usage_so_far() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage;
}

}  // namespace

std::int64_t peak_resident_bytes() { return std::int64_t{usage_so_far().ru_maxrss} * 1024; }

double cpu_seconds() {
    const rusage usage = usage_so_far();
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace millrace::core
