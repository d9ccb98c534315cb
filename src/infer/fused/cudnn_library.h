#pragma once
// cuDNN's library, which is looked for and loaded when the first fused net asks for it.

#include <string>
#include <vector>

namespace millrace::infer::fused {

/// "cuDNN 9.19.0". Loads libcudnn.so.9 once a process: one that is loaded already, else from the first of `folders`
/// that has it, else from where the dynamic linker looks. Throws Error(failed) that says where it was looked for and
/// what to install; also in a build without CUDA, and for a version older than 9.10.
[[nodiscard]] std::string require_cudnn(const std::vector<std::string>& folders);

}  // namespace millrace::infer::fused
