#pragma once
// Queues of work, and points in them.

#include "device/device.h"

namespace millrace::device {

/// A queue of work on one device; work of different streams runs side by side, in no order but the one that events
/// make. On the host there is nothing to own: work runs at once. Create and destroy on any thread.
class Stream {
  public:
    /// Throws Error(failed) where the device or the build cannot.
    explicit Stream(DeviceId device);
    /// Waits for what was enqueued: nothing that names the stream may outlive its work.
    ~Stream();
    Stream(Stream&& other) noexcept;
    Stream& operator=(Stream&& other) noexcept;
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    [[nodiscard]] StreamRef ref() const { return ref_; }
    // NOLINTNEXTLINE(google-explicit-constructor): the owner is passed where a borrow is expected
    operator StreamRef() const { return ref_; }

  private:
    StreamRef ref_;
};

/// The calling thread waits until everything enqueued on `stream` so far is done. Throws the first error of that work.
void synchronize(StreamRef stream);

/// Borrow of a point in a stream. An empty one, and every one of the host, has been reached.
struct EventRef {
    DeviceId device;
    void* native = nullptr;  ///< CUevent on cuda; unused on the host
};

/// ordering: cheap, for waiting only. timing: elapsed() can read it.
enum class EventKind { ordering, timing };

/// A point in a stream: record() moves it to the end of what is enqueued; waits that are enqueued already keep the
/// point that they saw.
class Event {
  public:
    explicit Event(DeviceId device, EventKind kind = EventKind::ordering);
    ~Event();
    Event(Event&& other) noexcept;
    Event& operator=(Event&& other) noexcept;
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;

    /// `stream` is of the event's device (asserted).
    void record(StreamRef stream);
    /// At the end of everything that is enqueued on the device, on whatever stream and by whomever. False, and the
    /// point stays where it was, while anybody captures a stream of the device: try again later.
    [[nodiscard]] bool record_all();
    [[nodiscard]] EventRef ref() const { return ref_; }

  private:
    EventRef ref_;
};

/// What is enqueued on `stream` after this runs after `event`. The caller does not wait, unless `stream` is the host's.
void wait(StreamRef stream, EventRef event);

/// True once the point has been reached. Never waits.
[[nodiscard]] bool reached(EventRef event);

/// Seconds between two timing events, both reached. 0 on the host.
[[nodiscard]] double elapsed(EventRef from, EventRef to);

}  // namespace millrace::device
