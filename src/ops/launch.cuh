#pragma once
// Shapes of launches; see device/cuda/launch.h. Private to src/ops.

#include <cuda_runtime.h>

#include "device/cuda/launch.h"

namespace millrace::ops {

using device::cuda::Launching;

inline unsigned blocks_of(int n, unsigned block) { return (static_cast<unsigned>(n) + block - 1) / block; }

/// Blocks of whole warps for `columns` x `rows` threads: as wide as leaves few threads without a column.
struct Shape {
    dim3 grid;
    dim3 block;
};

inline Shape shape_of(int columns, int rows) {
    unsigned best = 16;
    unsigned least = ~0U;
    for (unsigned width = 16; width <= 128; width += 16) {
        const unsigned covered = blocks_of(columns, width) * width;
        if (covered <= least) {
            least = covered;
            best = width;
        }
    }
    unsigned height = 256 / best;
    while (best * height % 32 != 0) --height;
    return {{blocks_of(columns, best), blocks_of(rows, height), 1}, {best, height, 1}};
}

}  // namespace millrace::ops
