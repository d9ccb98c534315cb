#pragma once
// Shapes of launches. Private to src/ops.

#include <cuda_runtime.h>

#include "device/cuda/check.h"

namespace millrace::ops {

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

/// Before the first launch of an op: an error that a library left behind on this thread is not the launch's.
inline void forget_errors() { static_cast<void>(cudaGetLastError()); }

inline void check_launch(const char* kernel, device::StreamRef stream) {
    device::cuda::check(cudaGetLastError(), kernel, stream.device.index);
}

}  // namespace millrace::ops
