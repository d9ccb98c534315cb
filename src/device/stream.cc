#include "device/stream.h"

#include <cassert>
#include <utility>

#include "device/cuda/runtime.h"

namespace millrace::device {

namespace {

bool on_cuda(DeviceId device) { return device.kind == DeviceKind::cuda; }

}  // namespace

Stream::Stream(DeviceId device) : ref_{device, on_cuda(device) ? cuda::create_stream(device.index) : nullptr} {}

Stream::~Stream() {
    if (ref_.native != nullptr) cuda::destroy_stream(ref_);
}

Stream::Stream(Stream&& other) noexcept : ref_(std::exchange(other.ref_, {})) {}

Stream& Stream::operator=(Stream&& other) noexcept {
    std::swap(ref_, other.ref_);
    return *this;
}

void synchronize(StreamRef stream) {
    if (on_cuda(stream.device)) cuda::synchronize(stream);
}

Event::Event(DeviceId device, EventKind kind)
    : ref_{device, on_cuda(device) ? cuda::create_event(device.index, kind) : nullptr} {}

Event::~Event() {
    if (ref_.native != nullptr) cuda::destroy_event(ref_);
}

Event::Event(Event&& other) noexcept : ref_(std::exchange(other.ref_, {})) {}

Event& Event::operator=(Event&& other) noexcept {
    std::swap(ref_, other.ref_);
    return *this;
}

void Event::record(StreamRef stream) {
    assert(stream.device == ref_.device);
    if (ref_.native != nullptr) cuda::record(stream, ref_);
}

bool Event::record_all() { return ref_.native == nullptr || cuda::record_all(ref_); }

void wait(StreamRef stream, EventRef event) {
    if (event.native == nullptr) return;
    if (on_cuda(stream.device)) {
        cuda::wait(stream, event);
    } else {
        cuda::synchronize(event);
    }
}

bool reached(EventRef event) { return event.native == nullptr || cuda::reached(event); }

double elapsed(EventRef from, EventRef to) { return from.native == nullptr ? 0.0 : cuda::elapsed(from, to); }

}  // namespace millrace::device
