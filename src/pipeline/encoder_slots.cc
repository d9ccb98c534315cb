#include "pipeline/encoder_slots.h"

namespace millrace::pipeline {

void EncoderSlots::add(int count) {
    {
        const std::lock_guard lock(mutex_);
        free_ += count;
    }
    changed_.notify_all();
}

EncoderSlots::Slot EncoderSlots::take(int segment, const std::stop_token& stop) {
    Slot slot;
    {
        std::unique_lock lock(mutex_);
        waiting_.insert(segment);
        if (changed_.wait(lock, stop, [&] { return free_ > 0 && *waiting_.begin() == segment; })) {
            --free_;
            slot = make_slot();
        }
        waiting_.erase(segment);
    }
    changed_.notify_all();
    return slot;
}

std::size_t EncoderSlots::waiting() const {
    const std::lock_guard lock(mutex_);
    return waiting_.size();
}

EncoderSlots::Slot EncoderSlots::make_slot() {
    return {this, [](EncoderSlots* slots) { slots->add(1); }};
}

}  // namespace millrace::pipeline
