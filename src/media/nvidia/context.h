#pragma once
// A GPU's primary context, for libraries that ask for one. No CUDA headers here.

namespace millrace::media::nvidia {

/// The CUcontext that the CUDA runtime uses on the device, too; kept until the process ends. Throws Error(failed) where
/// there is no such device, no driver, or the build is without CUDA. Thread-safe.
[[nodiscard]] void* primary_context(int index);

}  // namespace millrace::media::nvidia
