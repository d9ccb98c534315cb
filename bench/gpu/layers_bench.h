#pragma once
// Layers of fused nets that are no convolutions, each alone: `gpu_infer_bench --layers`.

namespace millrace::infer::fused::cuda {

/// Prints a table: microseconds, and the bytes that a layer reads and writes over its time.
void bench_layers();

}  // namespace millrace::infer::fused::cuda
