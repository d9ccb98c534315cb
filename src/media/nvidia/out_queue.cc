#include "media/nvidia/out_queue.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "device/copy.h"

namespace millrace::media::nvidia {

OutQueue::OutQueue(OutPlace place)
    : place_(std::move(place)),
      stream_(place_.pool.device()),
      slots_{Slot{{}, {}, device::Event(place_.pool.device())}, Slot{{}, {}, device::Event(place_.pool.device())},
             Slot{{}, {}, device::Event(place_.pool.device())}} {
    static_assert(mapped_at_most == 3);
}

OutQueue::~OutQueue() {
    for (Slot& slot : slots_) {
        try {
            release(slot);
        } catch (...) {  // NOLINT(bugprone-empty-catch): the device is lost, and its memory with it
        }
    }
}

Taken OutQueue::take(device::Picture& picture) {
    if (ready_.empty()) return copy_front(picture);
    picture = std::move(ready_.front());
    ready_.pop_front();
    return Taken::picture;
}

void OutQueue::settle(const Session& session, int index) {
    const auto last = std::find_if(waiting_.rbegin(), waiting_.rend(), [&](const Shown& shown) {
        return shown.session.get() == &session && shown.index == index;
    });
    for (auto count = std::distance(last, waiting_.rend()); count > 0; --count) {
        device::Picture picture;
        if (copy_front(picture) == Taken::picture) ready_.push_back(std::move(picture));
    }
}

void OutQueue::settle() {
    while (!waiting_.empty()) {
        device::Picture picture;
        const Taken taken = copy_front(picture);
        if (taken == Taken::stopped) waiting_.clear();
        if (taken == Taken::picture) ready_.push_back(std::move(picture));
    }
    for (Slot& slot : slots_) release(slot);
}

void OutQueue::clear() {
    waiting_.clear();
    ready_.clear();
}

Taken OutQueue::copy_front(device::Picture& picture) {
    assert(!waiting_.empty());
    Shown& shown = waiting_.front();
    // First, as this may wait: nothing is mapped meanwhile.
    picture = device::lease_picture(place_.pool, shown.sequence->desc, place_.stop);
    if (!picture) return Taken::stopped;
    picture.pts = shown.pts;
    picture.duration = shown.duration;
    picture.flags = shown.flags;
    Slot& slot = free_slot();
    const bool mapped = map(shown, slot);
    if (mapped) {
        picture.flags.corrupt = shown.session->damaged(shown.index);
        device::copy(stream_,
                     view_of(slot.mapped, shown.session->surface_height(), *shown.sequence, place_.pool.device()),
                     picture);
        slot.copied.record(stream_);
    } else {
        ++errors_;
        picture = {};
    }
    waiting_.pop_front();
    return mapped ? Taken::picture : Taken::nothing;
}

// The slot owns the surface from here on, whatever is thrown.
bool OutQueue::map(Shown& shown, Slot& slot) {
    shown.parameters.output_stream = static_cast<CUstream>(stream_.ref().native);
    const CUresult result = shown.session->map(shown.index, shown.parameters, slot.mapped);
    if (is_fatal(result)) {
        throw_failure(shown.session->library(), result, "cuvidMapVideoFrame",
                      "decoding " + describe(shown.session->format()));
    }
    if (result != CUDA_SUCCESS) return false;
    slot.session = shown.session;
    return true;
}

// Surfaces whose copy is done go back on the way; waits where all are still being copied.
OutQueue::Slot& OutQueue::free_slot() {
    for (Slot& slot : slots_) {
        if (slot.session && device::reached(slot.copied.ref())) release(slot);
    }
    Slot& slot = slots_.at(next_slot_);
    next_slot_ = (next_slot_ + 1) % slots_.size();
    release(slot);
    return slot;
}

void OutQueue::release(Slot& slot) {
    if (!slot.session) return;
    const std::shared_ptr<Session> session = std::exchange(slot.session, nullptr);
    device::wait(device::host_stream(), slot.copied.ref());
    session->unmap(std::exchange(slot.mapped, {}));
}

}  // namespace millrace::media::nvidia
