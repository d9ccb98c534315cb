#include <string>

#include "core/error.h"
#include "device/cuda/runtime.h"

namespace millrace::device {

namespace {

[[noreturn]] void absent(int index) {
    throw core::Error(core::ErrorCode::failed,
                      "cuda:" + std::to_string(index) +
                          ": this millrace was built without CUDA; build the preset `cuda`, or choose the device cpu");
}

}  // namespace

bool cuda_lost(int /*index*/) { return false; }

namespace cuda {

void* create_stream(int index) { absent(index); }
void destroy_stream(StreamRef /*stream*/) noexcept {}
void synchronize(StreamRef stream) { absent(stream.device.index); }

void* create_event(int index, EventKind /*kind*/) { absent(index); }
void destroy_event(EventRef /*event*/) noexcept {}
void record(StreamRef stream, EventRef /*event*/) { absent(stream.device.index); }
bool record_all(EventRef event) { absent(event.device.index); }
void wait(StreamRef stream, EventRef /*event*/) { absent(stream.device.index); }
void synchronize(EventRef event) { absent(event.device.index); }
bool reached(EventRef event) { absent(event.device.index); }
double elapsed(EventRef from, EventRef /*to*/) { absent(from.device.index); }

void begin_capture(StreamRef stream) { absent(stream.device.index); }
void* end_capture(StreamRef stream, std::string& /*reason*/) { absent(stream.device.index); }
void abandon_capture(StreamRef /*stream*/) noexcept {}
void launch_graph(StreamRef stream, void* /*graph*/) { absent(stream.device.index); }
void destroy_graph(int /*index*/, void* /*graph*/) noexcept {}

std::unique_ptr<MemorySource> device_memory(int index) { absent(index); }
std::unique_ptr<MemorySource> pinned_memory(int index) { absent(index); }

void copy_rows(StreamRef stream, const Rows& /*rows*/) { absent(stream.device.index); }
void set_zero(StreamRef stream, std::byte* /*data*/, std::size_t /*bytes*/) { absent(stream.device.index); }

}  // namespace cuda
}  // namespace millrace::device
