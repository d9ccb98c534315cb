#include <cuda_runtime.h>

#include <cstdint>
#include <memory>

#include "device/cuda/check.h"
#include "device/cuda/probe.h"

namespace millrace::device {
namespace {

using cuda::check;

/// Differs between neighbours and between runs of bytes, so that a missing or shifted write shows.
__host__ __device__ constexpr std::uint32_t pattern(std::uint32_t i) { return i * 2654435761U ^ 0x5bd1e995U; }

__global__ void fill(std::uint32_t* values, std::uint32_t count) {
    const std::uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) values[i] = pattern(i);
}

struct CudaFree {
    void operator()(std::uint32_t* values) const noexcept { cudaFree(values); }
};

}  // namespace

std::vector<CudaDeviceInfo> cuda_devices() {
    int count = 0;
    if (cudaGetDeviceCount(&count) != cudaSuccess) {
        cudaGetLastError();  // "no device" and "no driver" are answers here; leave no error behind for the next call
        return {};
    }
    std::vector<CudaDeviceInfo> devices;
    for (int index = 0; index < count; ++index) {
        cudaDeviceProp properties{};
        check(cudaGetDeviceProperties(&properties, index), "cudaGetDeviceProperties", index);
        devices.push_back({index, properties.name, properties.totalGlobalMem, properties.major, properties.minor,
                           properties.multiProcessorCount, properties.asyncEngineCount});
    }
    return devices;
}

CudaMemory cuda_memory(int index) {
    const cuda::CurrentDevice current(index);
    CudaMemory memory;
    check(cudaMemGetInfo(&memory.free_bytes, &memory.total_bytes), "cudaMemGetInfo", index);
    return memory;
}

bool built_with_cuda() { return true; }

std::string cuda_build_description() {
    return "CUDA " + std::to_string(CUDART_VERSION / 1000) + "." + std::to_string(CUDART_VERSION % 1000 / 10) +
           ", sm " MILLRACE_CUDA_ARCHITECTURES;
}

bool cuda_self_test(int index) {
    // Not a multiple of the block: the last block is partly idle.
    constexpr std::uint32_t count = (1U << 20U) + 77;
    constexpr std::uint32_t block = 256;
    constexpr std::size_t bytes = count * sizeof(std::uint32_t);

    const cuda::CurrentDevice current(index);
    std::uint32_t* raw = nullptr;
    check(cudaMalloc(&raw, bytes), "cudaMalloc", index);
    const std::unique_ptr<std::uint32_t, CudaFree> values(raw);
    check(cudaMemset(values.get(), 0, bytes), "cudaMemset", index);
    fill<<<(count + block - 1) / block, block>>>(values.get(), count);
    check(cudaGetLastError(), "launching a kernel (was it built for this GPU?)", index);

    std::vector<std::uint32_t> read(count);
    check(cudaMemcpy(read.data(), values.get(), bytes, cudaMemcpyDeviceToHost), "cudaMemcpy", index);
    for (std::uint32_t i = 0; i < count; ++i) {
        if (read[i] != pattern(i)) return false;
    }
    return true;
}

}  // namespace millrace::device
