#include "device/timeline.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace millrace::device {

namespace {

constexpr std::size_t many_marks = 16;

}  // namespace

// Moves marks that have been reached to `spare`.
void Timeline::retire(Marks& marks, Marks& spare) {
    const auto pending = [](const Mark& mark) { return !reached(mark.event.ref()); };
    const auto done = std::stable_partition(marks.begin(), marks.end(), pending);
    std::move(done, marks.end(), std::back_inserter(spare));
    marks.erase(done, marks.end());
}

// Gives the lock back before the host waits: others need it to enqueue their work. Events live as long as this does;
// one that is recorded anew meanwhile only ends later.
void Timeline::wait_for(std::unique_lock<std::mutex> lock, std::initializer_list<const Marks*> sets, StreamRef stream) {
    std::vector<EventRef> events;
    for (const Marks* marks : sets) {
        for (const Mark& mark : *marks) {
            if (mark.stream == stream) continue;
            if (stream.device.kind == DeviceKind::cuda) {
                wait(stream, mark.event.ref());
            } else {
                events.push_back(mark.event.ref());
            }
        }
    }
    lock.unlock();
    for (const EventRef event : events) wait(stream, event);
}

Timeline::Mark& Timeline::mark_of(Marks& marks, StreamRef stream) {
    const auto found = std::ranges::find(marks, stream, &Mark::stream);
    if (found != marks.end()) return *found;
    // A block that is never leased anew (an op's tables) must not collect every stream that there ever was.
    if (marks.size() >= many_marks) retire(marks, spare_);
    // An event belongs to a device; one recorded anew means the new point only.
    const auto spare = std::ranges::find(spare_, stream.device, [](const Mark& m) { return m.stream.device; });
    if (spare == spare_.end()) {
        marks.push_back({stream, Event(stream.device)});
    } else {
        marks.push_back({stream, std::move(spare->event)});
        spare_.erase(spare);
    }
    return marks.back();
}

void Timeline::mark(Marks& marks, StreamRef stream) {
    if (on_host(stream)) return;
    const std::scoped_lock lock(mutex_);
    mark_of(marks, stream).event.record(stream);
}

bool Timeline::after_all(DeviceId device) {
    if (on_host(device)) return true;
    const std::scoped_lock lock(mutex_);
    Event point(device);  // a mark that could not be made must leave no trace
    if (!point.record_all()) return false;
    // Streams of the device are told by their handles, and null is none of them here.
    mark_of(writes_, {device, nullptr}).event = std::move(point);
    return true;
}

void Timeline::before_read(StreamRef stream) {
    std::unique_lock lock(mutex_);
    // Without a write in this lease the block holds what an earlier one left: memory that is about to be written.
    // Writes have waited for earlier leases themselves.
    const Marks& before = writes_.empty() ? earlier_ : writes_;
    wait_for(std::move(lock), {&before}, stream);
}

void Timeline::before_write(StreamRef stream) { wait_for(std::unique_lock(mutex_), {&earlier_, &reads_}, stream); }

void Timeline::after_read(StreamRef stream) { mark(reads_, stream); }

void Timeline::after_write(StreamRef stream) { mark(writes_, stream); }

void Timeline::before_all(StreamRef stream) {
    wait_for(std::unique_lock(mutex_), {&earlier_, &writes_, &reads_}, stream);
}

void Timeline::renew() {
    const std::scoped_lock lock(mutex_);
    for (Marks* marks : {&earlier_, &writes_, &reads_}) retire(*marks, spare_);
    for (Marks* marks : {&writes_, &reads_}) {
        std::move(marks->begin(), marks->end(), std::back_inserter(earlier_));
        marks->clear();
    }
}

void wait_readable(const TimelinePtr& timeline) {
    if (timeline) timeline->before_read(host_stream());
}

Access::Access(StreamRef stream, const TimelinePtr& read, const TimelinePtr& written)
    : stream_(stream), read_(read.get()), written_(written.get()) {
    if (read_ != nullptr) read_->before_read(stream);
    if (written_ != nullptr) written_->before_write(stream);
}

Access::~Access() {
    try {
        done();
    } catch (...) {  // NOLINT(bugprone-empty-catch): the error that led here is on its way already
    }
}

void Access::done() {
    if (Timeline* const read = std::exchange(read_, nullptr); read != nullptr) read->after_read(stream_);
    if (Timeline* const written = std::exchange(written_, nullptr); written != nullptr) written->after_write(stream_);
}

}  // namespace millrace::device
