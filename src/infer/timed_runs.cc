#include "infer/timed_runs.h"

#include <algorithm>

#include "device/stream.h"

namespace millrace::infer {

double seconds_a_run(device::StreamRef stream, const std::function<void()>& enqueue, const Measuring& measuring) {
    device::Event begin(stream.device, device::EventKind::timing);
    device::Event end(stream.device, device::EventKind::timing);
    const auto time = [&](int runs) {
        begin.record(stream);
        for (int i = 0; i < runs; ++i) enqueue();
        end.record(stream);
        device::synchronize(stream);
        return device::elapsed(begin.ref(), end.ref()) / runs;
    };
    const double roughly = std::max(time(2), 1e-6);
    const int runs = std::clamp(static_cast<int>(measuring.seconds / roughly), measuring.least, measuring.most);
    return std::min(time(runs), time(runs));
}

}  // namespace millrace::infer
