#pragma once
// What src/device needs of the CUDA runtime, without its headers. Private to src/device but for cuda_lost(). In a build
// without CUDA every function throws Error(failed), "built without CUDA".
//
// A failure is an Error(failed) that names the function of the runtime, the device and its answer. Streams and events
// here are of a cuda device. Thread-safe; the calling thread's current device is left as it was.

#include <cstddef>
#include <memory>
#include <string>

#include "device/memory_source.h"
#include "device/rows.h"
#include "device/stream.h"

namespace millrace::device {

/// True after an error that no later call on the device can recover from in this process (an illegal address, a lost
/// device): end the process; what is on disk is sound.
[[nodiscard]] bool cuda_lost(int index);

namespace cuda {

[[nodiscard]] void* create_stream(int index);
void destroy_stream(StreamRef stream) noexcept;
void synchronize(StreamRef stream);

[[nodiscard]] void* create_event(int index, EventKind kind);
void destroy_event(EventRef event) noexcept;
void record(StreamRef stream, EventRef event);
/// The event becomes the end of everything that is enqueued on its device now, on whatever stream and by whomever.
/// False, and nothing done, while somebody captures a stream there: such a capture would be spoilt.
[[nodiscard]] bool record_all(EventRef event);
void wait(StreamRef stream, EventRef event);
void synchronize(EventRef event);
[[nodiscard]] bool reached(EventRef event);
[[nodiscard]] double elapsed(EventRef from, EventRef to);

/// What the calling thread enqueues on `stream` from here on is kept, not done.
void begin_capture(StreamRef stream);
/// The kept work, ready to be launched; null and a `reason` where it cannot be repeated.
[[nodiscard]] void* end_capture(StreamRef stream, std::string& reason);
void abandon_capture(StreamRef stream) noexcept;
void launch_graph(StreamRef stream, void* graph);
void destroy_graph(int index, void* graph) noexcept;

/// Stream-ordered memory of one device; blocks come from and go back to its pool without stopping anything.
[[nodiscard]] std::unique_ptr<MemorySource> device_memory(int index);
/// Page-locked host memory, usable by all devices.
[[nodiscard]] std::unique_ptr<MemorySource> pinned_memory(int index);

/// Enqueue a copy, in whatever direction the addresses say.
void copy_rows(StreamRef stream, const Rows& rows);
/// Enqueue zeros.
void set_zero(StreamRef stream, std::byte* data, std::size_t bytes);

}  // namespace cuda
}  // namespace millrace::device
