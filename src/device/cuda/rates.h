#pragma once
// How fast a GPU's clocks and memory are, as the driver tells.

namespace millrace::device {

struct CudaRates {
    double clock_hz = 0;                 ///< of the multiprocessors, at most
    double memory_bytes_per_second = 0;  ///< bus width times the memory's clock, both of whose edges count; 0: not told
};

/// Throws Error(failed), also in a build without CUDA.
[[nodiscard]] CudaRates cuda_rates(int index);

}  // namespace millrace::device
