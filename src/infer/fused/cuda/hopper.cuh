#pragma once
// What Hopper has for tensor cores that are fed from shared memory, as PTX (ISA 8.0, "Asynchronous Warpgroup Level
// Matrix Instructions", "Data Movement and Conversion Instructions: cp.async.bulk.tensor", "mbarrier"). For sm_90a.

#include <cuda.h>
#include <cuda_fp16.h>

#include <cstdint>

namespace millrace::infer::fused::cuda::hopper {

__device__ inline std::uint32_t shared_address(const void* data) {
    return static_cast<std::uint32_t>(__cvta_generic_to_shared(data));
}

__device__ inline void init_barrier(std::uint32_t barrier, std::uint32_t arrivals) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals));
}

/// Barriers are there for whoever copies, too.
__device__ inline void publish_barriers() {
    asm volatile("fence.mbarrier_init.release.cluster;\nfence.proxy.async;" ::: "memory");
}

/// The calling thread's arrival, with so many bytes of copies that are to come.
__device__ inline void arrive_expecting(std::uint32_t barrier, std::uint32_t bytes) {
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
}

__device__ inline void arrive(std::uint32_t barrier) {
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}

/// Until the barrier's phase of that parity is over.
__device__ inline void wait(std::uint32_t barrier, std::uint32_t parity) {
    asm volatile(
        "{\n"
        ".reg .pred done;\n"
        "again:\n"
        "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
        "@!done bra again;\n"
        "}" ::"r"(barrier),
        "r"(parity)
        : "memory");
}

__device__ inline void load_box(std::uint32_t to, const CUtensorMap& map, std::uint32_t barrier, int c0, int c1,
                                int c2) {
    asm volatile(
        "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5}], [%2];" ::
            "r"(to),
        "l"(&map), "r"(barrier), "r"(c0), "r"(c1), "r"(c2)
        : "memory");
}

__device__ inline void load_box(std::uint32_t to, const CUtensorMap& map, std::uint32_t barrier, int c0, int c1, int c2,
                                int c3) {
    asm volatile(
        "cp.async.bulk.tensor.4d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5, %6}], "
        "[%2];" ::"r"(to),
        "l"(&map), "r"(barrier), "r"(c0), "r"(c1), "r"(c2), "r"(c3)
        : "memory");
}

__device__ inline void store_box(const CUtensorMap& map, std::uint32_t from, int c0, int c1, int c2, int c3) {
    asm volatile("cp.async.bulk.tensor.4d.global.shared::cta.bulk_group [%0, {%2, %3, %4, %5}], [%1];" ::"l"(&map),
                 "r"(from), "r"(c0), "r"(c1), "r"(c2), "r"(c3)
                 : "memory");
}

/// Until the calling thread's stores have read their shared memory.
__device__ inline void wait_for_stores() {
    asm volatile("cp.async.bulk.commit_group;\ncp.async.bulk.wait_group.read 0;" ::: "memory");
}

/// What threads wrote to shared memory is seen by copies and tensor cores that are started after it.
__device__ inline void publish_writes() { asm volatile("fence.proxy.async;" ::: "memory"); }

template <int Registers>
__device__ inline void take_registers() {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Registers));
}
template <int Registers>
__device__ inline void give_registers() {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Registers));
}

/// Rows of 128 bytes one behind the other, in groups of eight, each row's 16-byte pieces exchanged by the row's number.
__device__ inline std::uint64_t matrix_at(std::uint32_t address) {
    constexpr std::uint64_t swizzle_128 = std::uint64_t{1} << 62U;
    constexpr std::uint64_t group_bytes = std::uint64_t{1024 >> 4} << 32U;
    constexpr std::uint64_t unused = std::uint64_t{1} << 16U;
    return swizzle_128 | group_bytes | unused | ((address & 0x3FFFFU) >> 4U);
}

__device__ inline void begin_products() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ inline void end_products() {
    asm volatile("wgmma.commit_group.sync.aligned;\nwgmma.wait_group.sync.aligned 0;" ::: "memory");
}

/// sums += a * b, or = a * b with `keep` zero: a is 64 x 16, b is 256 x 16 transposed, both float16 in shared memory.
/// Of a warpgroup's thread t, sums[4 * j + 2 * h + e] is row 16 * (t / 32) + t % 32 / 4 + 8 * h, column 8 * j + t % 4 *
/// 2 + e.
__device__ inline void multiply(float (&sums)[128], std::uint64_t a, std::uint64_t b, int keep) {
#define FOUR(i) "+f"(sums[i]), "+f"(sums[i + 1]), "+f"(sums[i + 2]), "+f"(sums[i + 3])
#define SIXTEEN(i) FOUR(i), FOUR(i + 4), FOUR(i + 8), FOUR(i + 12)
    asm volatile(
        "{\n"
        ".reg .pred keep;\n"
        "setp.ne.b32 keep, %130, 0;\n"
        "wgmma.mma_async.sync.aligned.m64n256k16.f32.f16.f16 {"
        "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
        "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
        "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
        "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, "
        "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, "
        "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, "
        "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, "
        "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127}, "
        "%128, %129, keep, 1, 1, 0, 0;\n"
        "}"
        : SIXTEEN(0), SIXTEEN(16), SIXTEEN(32), SIXTEEN(48), SIXTEEN(64), SIXTEEN(80), SIXTEEN(96), SIXTEEN(112)
        : "l"(a), "l"(b), "r"(keep));
#undef SIXTEEN
#undef FOUR
}

/// Four matrices of 8 x 8 halves, of which a thread holds the pairs that multiply() gives it, transposed: row i of
/// matrix m goes to the address that lane 8 * m + i gives.
__device__ inline void store_transposed(std::uint32_t address, const __half2 (&pairs)[4]) {
    const auto bits = [&](int i) { return *reinterpret_cast<const std::uint32_t*>(&pairs[i]); };
    asm volatile("stmatrix.sync.aligned.m8n8.x4.trans.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(address), "r"(bits(0)),
                 "r"(bits(1)), "r"(bits(2)), "r"(bits(3))
                 : "memory");
}

/// Of one warpgroup's threads. `number`: 1 to 15, its own.
__device__ inline void meet(int number) { asm volatile("bar.sync %0, 128;" ::"r"(number) : "memory"); }

}  // namespace millrace::infer::fused::cuda::hopper
