#include "infer/fused/roofline.h"

#include <algorithm>
#include <array>

namespace millrace::infer::fused {

int tensor_operations_a_clock(int sm_major, int sm_minor) {
    struct Architecture {
        int sm;
        int operations;
    };
    // V100 125 TFLOP/s = 80 x 1024 x 1.53 GHz; T4 65 = 40 x 1024 x 1.59; A100 312 = 108 x 2048 x 1.41; A40 150 =
    // 84 x 1024 x 1.74; L40S 362 = 142 x 1024 x 2.52; H100 SXM 989 = 132 x 4096 x 1.83; B200 2250 = 148 x 8192 x 1.85;
    // RTX PRO 6000 504 = 188 x 1024 x 2.62.
    constexpr std::array known{Architecture{70, 1024},  Architecture{75, 1024}, Architecture{80, 2048},
                               Architecture{86, 1024},  Architecture{89, 1024}, Architecture{90, 4096},
                               Architecture{100, 8192}, Architecture{120, 1024}};
    const auto* const found = std::ranges::find(known, 10 * sm_major + sm_minor, &Architecture::sm);
    return found == known.end() ? 0 : found->operations;
}

double least_seconds(const LayerWork& work, const DevicePeak& peak) {
    const double computing = peak.operations > 0 ? work.operations / peak.operations : 0;
    const double moving = peak.bytes > 0 ? work.bytes / peak.bytes : 0;
    return std::max(computing, moving);
}

}  // namespace millrace::infer::fused
