#include "device/timeline.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace millrace::device {

void Timeline::wait_for(const Marks& marks, StreamRef stream) {
    for (const Mark& mark : marks) {
        if (mark.stream != stream) wait(stream, mark.event.ref());
    }
}

void Timeline::mark(Marks& marks, StreamRef stream) {
    if (stream.device.kind == DeviceKind::host) return;
    const std::scoped_lock lock(mutex_);
    auto found = std::ranges::find(marks, stream, &Mark::stream);
    if (found == marks.end()) {
        // An event belongs to a device; one recorded anew means the new point only.
        const auto spare = std::ranges::find(spare_, stream.device, [](const Mark& m) { return m.stream.device; });
        if (spare == spare_.end()) {
            marks.push_back({stream, Event(stream.device)});
        } else {
            marks.push_back({stream, std::move(spare->event)});
            spare_.erase(spare);
        }
        found = std::prev(marks.end());
    }
    found->event.record(stream);
}

void Timeline::before_read(StreamRef stream) {
    const std::scoped_lock lock(mutex_);
    // Without a write in this lease the block holds what an earlier one left: memory that is about to be written.
    wait_for(writes_.empty() ? earlier_ : writes_, stream);
}

void Timeline::before_write(StreamRef stream) {
    const std::scoped_lock lock(mutex_);
    wait_for(earlier_, stream);
    wait_for(reads_, stream);
}

void Timeline::after_read(StreamRef stream) { mark(reads_, stream); }

void Timeline::after_write(StreamRef stream) { mark(writes_, stream); }

void Timeline::before_all(StreamRef stream) {
    const std::scoped_lock lock(mutex_);
    wait_for(earlier_, stream);
    wait_for(writes_, stream);
    wait_for(reads_, stream);
}

void Timeline::renew() {
    const std::scoped_lock lock(mutex_);
    const auto pending = [](const Mark& mark) { return !reached(mark.event.ref()); };
    Marks next;
    for (Marks* marks : {&earlier_, &writes_, &reads_}) {
        const auto done = std::stable_partition(marks->begin(), marks->end(), pending);
        std::move(marks->begin(), done, std::back_inserter(next));
        std::move(done, marks->end(), std::back_inserter(spare_));
        marks->clear();
    }
    earlier_ = std::move(next);
}

Access::Access(StreamRef stream, const TimelinePtr& read, const TimelinePtr& written)
    : stream_(stream), read_(read.get()), written_(written.get()) {
    if (read_ != nullptr) read_->before_read(stream);
    if (written_ != nullptr) written_->before_write(stream);
}

void Access::done() {
    if (read_ != nullptr) read_->after_read(stream_);
    if (written_ != nullptr) written_->after_write(stream_);
}

}  // namespace millrace::device
