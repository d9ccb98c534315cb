#pragma once
// From surfaces to pictures. Private to src/media/nvidia.

#include <array>
#include <deque>
#include <memory>
#include <stop_token>
#include <utility>

#include "device/picture.h"
#include "device/stream.h"
#include "media/nvidia/sequence.h"
#include "media/nvidia/session.h"

namespace millrace::media::nvidia {

/// A picture in a surface, its turn come.
struct Shown {
    std::shared_ptr<const Sequence> sequence;
    std::shared_ptr<Session> session;
    int index = 0;
    CUVIDPROCPARAMS parameters{};
    std::int64_t pts = core::no_pts;
    std::int64_t duration = 0;
    device::PictureFlags flags;
};

enum class Taken { picture, nothing, stopped };

/// Where pictures go.
struct OutPlace {
    device::BufferPool& pool;
    std::stop_token stop;
};

/// Pictures in presentation order: they wait in surfaces, and are copied out on a stream of the queue's own. The host
/// waits for decoding, which it does as late as it can, and for memory; never for copies, unless all surfaces that may
/// be mapped are being copied from. Not thread-safe.
class OutQueue {
  public:
    explicit OutQueue(OutPlace place);
    ~OutQueue();
    OutQueue(const OutQueue&) = delete;
    OutQueue& operator=(const OutQueue&) = delete;
    OutQueue(OutQueue&&) = delete;
    OutQueue& operator=(OutQueue&&) = delete;

    void push(Shown shown) { waiting_.push_back(std::move(shown)); }
    /// Pictures in surfaces.
    [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
    /// Whether settle() left pictures outside surfaces.
    [[nodiscard]] bool has_ready() const { return !ready_.empty(); }

    /// The next picture, complete as its timeline says. nothing: the chip could not give it. stopped: the stop was
    /// requested while there was no memory. One must be there. Throws Error(failed).
    Taken take(device::Picture& picture);
    /// Copies out what is in the surface, and all before it, so that it can be decoded into again.
    void settle(const Session& session, int index);
    /// The same for all surfaces, of which none stays mapped: waits for the copies. Then no session is held.
    void settle();
    void clear();
    /// Pictures that the chip could not give.
    [[nodiscard]] std::int64_t errors() const { return errors_; }

  private:
    /// A mapped surface that is copied from until `copied`.
    struct Slot {
        std::shared_ptr<Session> session;  ///< null: free
        Mapped mapped;
        device::Event copied;
    };

    Taken copy_front(device::Picture& picture);
    bool map(Shown& shown, Slot& slot);
    Slot& free_slot();
    static void release(Slot& slot);

    OutPlace place_;
    device::Stream stream_;
    std::array<Slot, mapped_at_most> slots_;
    std::size_t next_slot_ = 0;
    std::deque<Shown> waiting_;
    std::deque<device::Picture> ready_;
    std::int64_t errors_ = 0;
};

}  // namespace millrace::media::nvidia
