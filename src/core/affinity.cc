#include "core/affinity.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <thread>
#include <vector>

namespace millrace::core {

int affine_cores() {
    constexpr std::size_t most_sets = 1024;  // of 1024 CPUs each; the kernel refuses too few with EINVAL
    for (std::vector<cpu_set_t> sets(1); sets.size() <= most_sets; sets.resize(2 * sets.size())) {
        const std::size_t bytes = sets.size() * sizeof(cpu_set_t);
        if (::sched_getaffinity(0, bytes, sets.data()) == 0) return CPU_COUNT_S(bytes, sets.data());
        if (errno != EINVAL) break;
    }
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace millrace::core
