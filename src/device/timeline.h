#pragma once
// Who still works on a block of memory, and on which stream.

#include <initializer_list>
#include <memory>
#include <mutex>
#include <vector>

#include "device/stream.h"

namespace millrace::device {

/// Orders the work of several streams on one block of memory that GPUs touch: device memory, and pinned host memory.
/// All leases on a block share it, so the slots of a batch may be written by several streams and read by one. Plain
/// host memory has none (a null pointer). Thread-safe.
///
/// Whoever enqueues work on a block calls before_read() or before_write() first and after_read() or after_write() when
/// it is enqueued; ops and copies do. Waiting is the stream's: the calling thread never waits, unless the stream is the
/// host's, which then waits for exactly that work.
class Timeline {
  public:
    /// The stream waits for all writes.
    void before_read(StreamRef stream);
    /// The stream waits for earlier leases and for reads, not for other writes: writers of one lease write different
    /// parts of it, or know of one another.
    void before_write(StreamRef stream);
    /// What is enqueued on `stream` so far reads (or writes) the block. Nothing for the host, whose work is done.
    void after_read(StreamRef stream);
    void after_write(StreamRef stream);

    /// Somebody else's work, on streams that nobody told of, may read and write the block: all that is enqueued on
    /// `device` now. False: not marked, as somebody captures a stream there; try again later.
    [[nodiscard]] bool after_all(DeviceId device);

    /// A new lease begins: everything so far is an earlier lease's. Call while no one else holds the block.
    void renew();
    /// The stream waits for everything.
    void before_all(StreamRef stream);

  private:
    struct Mark {
        StreamRef stream;
        Event event;
    };
    using Marks = std::vector<Mark>;
    void mark(Marks& marks, StreamRef stream);
    [[nodiscard]] Mark& mark_of(Marks& marks, StreamRef stream);
    static void retire(Marks& marks, Marks& spare);
    static void wait_for(std::unique_lock<std::mutex> lock, std::initializer_list<const Marks*> sets, StreamRef stream);

    std::mutex mutex_;
    Marks earlier_;
    Marks writes_;
    Marks reads_;
    Marks spare_;  ///< events to use again
};

using TimelinePtr = std::shared_ptr<Timeline>;

/// The calling thread waits until it may read the block. Nothing without a timeline.
void wait_readable(const TimelinePtr& timeline);

/// A read of one block and a write of another by one piece of work on `stream`, either of which may have no timeline:
/// waits on construction; done() marks the work. Without done() (an exception) the destructor marks what had been
/// enqueued until then, as far as the device still can.
class Access {
  public:
    Access(StreamRef stream, const TimelinePtr& read, const TimelinePtr& written);
    ~Access();
    Access(const Access&) = delete;
    Access& operator=(const Access&) = delete;
    Access(Access&&) = delete;
    Access& operator=(Access&&) = delete;

    /// Once.
    void done();

  private:
    StreamRef stream_;
    Timeline* read_;     ///< null: none, or marked
    Timeline* written_;  ///< the same
};

}  // namespace millrace::device
