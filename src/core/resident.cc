#include "core/resident.h"

#include <sys/resource.h>

namespace millrace::core {

std::int64_t peak_resident_bytes() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return std::int64_t{usage.ru_maxrss} * 1024;
}

}  // namespace millrace::core
