#pragma once
// How long work on a stream takes by itself.

#include <functional>

#include "device/device.h"

namespace millrace::infer {

/// For how long runs are measured, and how many they are.
struct Measuring {
    double seconds = 0;
    int least = 1;
    int most = 1;
};

/// Seconds a run, of enough runs in a row that starting the first and ending the last do not count; the better of two
/// rows. `enqueue` enqueues one on the stream, and has done so before.
[[nodiscard]] double seconds_a_run(device::StreamRef stream, const std::function<void()>& enqueue,
                                   const Measuring& measuring);

}  // namespace millrace::infer
