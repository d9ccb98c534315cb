#include "device/cuda/rates.h"

#include <cuda_runtime_api.h>

#include "device/cuda/check.h"

namespace millrace::device {
namespace {

double attribute(cudaDeviceAttr which, int index) {
    int value = 0;
    cuda::check(cudaDeviceGetAttribute(&value, which, index), "cudaDeviceGetAttribute", index);
    return value;
}

}  // namespace

CudaRates cuda_rates(int index) {
    constexpr double khz = 1e3;
    constexpr double bits_a_byte = 8;
    constexpr double edges = 2;
    return {khz * attribute(cudaDevAttrClockRate, index), edges * khz * attribute(cudaDevAttrMemoryClockRate, index) *
                                                              attribute(cudaDevAttrGlobalMemoryBusWidth, index) /
                                                              bits_a_byte};
}

}  // namespace millrace::device
