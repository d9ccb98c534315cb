#pragma once
// A file that grows of what somebody's program makes, frame by frame.

#include <cstdint>

#include "millrace/report.h"
#include "pipeline/profile.h"

namespace millrace::engine {

/// What a generator's process sees of its output. All functions but abort() and profile() are one thread's at a time.
class MadeFile {
  public:
    virtual ~MadeFile() = default;

    /// So many frames, from the first on, were safely on disk when this began.
    [[nodiscard]] virtual std::int64_t frames_done() const = 0;
    /// The number of the frame that comes next.
    [[nodiscard]] virtual std::int64_t next_frame() const = 0;
    /// For room, so far.
    [[nodiscard]] virtual pipeline::Clock::duration waited() const = 0;
    /// Of its work so far. Thread-safe.
    [[nodiscard]] virtual pipeline::Profile& profile() = 0;
    /// Of a file that is there. Throws what went wrong instead.
    [[nodiscard]] virtual const Report& report() = 0;
    /// Leaves what is finished for a later run, and no file. Does not wait. Any thread.
    virtual void abort() noexcept = 0;
    /// At most `seconds`. True: it has ended, one way or the other.
    [[nodiscard]] virtual bool wait(double seconds) = 0;
};

}  // namespace millrace::engine
