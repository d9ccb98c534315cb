#include "pipeline/gpu_times.h"

#include <chrono>
#include <utility>

namespace millrace::pipeline {

GpuTimes::GpuTimes(device::StreamRef stream, Stage stage, Profile& profile)
    : stream_(stream), stage_(stage), profile_(profile) {}

GpuTimes::~GpuTimes() {
    try {
        for (; !in_work_.empty(); in_work_.pop_front()) {
            device::wait(device::host_stream(), in_work_.front().end.ref());
            count(in_work_.front());
        }
    } catch (...) {  // NOLINT(bugprone-empty-catch): whoever enqueues next is told
    }
}

void GpuTimes::begin(const device::TimelinePtr& read, const device::TimelinePtr& written) {
    if (device::on_host(stream_)) return;
    collect();
    if (spare_.empty()) {
        constexpr auto timing = device::EventKind::timing;
        spare_.push_back({device::Event(stream_.device, timing), device::Event(stream_.device, timing)});
    }
    // Work waits for these, too, but then the waiting is over.
    if (read) read->before_read(stream_);
    if (written) written->before_write(stream_);
    spare_.back().begin.record(stream_);
}

void GpuTimes::end() {
    if (device::on_host(stream_)) return;
    spare_.back().end.record(stream_);
    in_work_.push_back(std::move(spare_.back()));
    spare_.pop_back();
}

void GpuTimes::count(const Piece& piece) {
    const std::chrono::duration<double> took{device::elapsed(piece.begin.ref(), piece.end.ref())};
    profile_.add_gpu(stage_, std::chrono::duration_cast<std::chrono::nanoseconds>(took));
}

void GpuTimes::collect() {
    while (!in_work_.empty() && device::reached(in_work_.front().end.ref())) {
        count(in_work_.front());
        spare_.push_back(std::move(in_work_.front()));
        in_work_.pop_front();
    }
}

}  // namespace millrace::pipeline
