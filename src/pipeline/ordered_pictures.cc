#include "pipeline/ordered_pictures.h"

#include <utility>

namespace millrace::pipeline {

namespace {

constexpr std::size_t least_of_head = 2;

}  // namespace

std::optional<std::size_t> OrderedPictures::next_segment() {
    const std::lock_guard lock(mutex_);
    if (given_ == segments_.size()) return std::nullopt;
    return given_++;
}

bool OrderedPictures::has_room(std::size_t segment) const {
    return waiting_ < capacity_ || (segment == head_ && segments_[segment].frames.size() < least_of_head);
}

core::Push OrderedPictures::push(std::size_t segment, DecodedFrame frame, const std::stop_token& stop) {
    {
        std::unique_lock lock(mutex_);
        if (!changed_.wait(lock, stop, [&] { return has_room(segment); })) return core::Push::cancelled;
        segments_[segment].frames.push_back(std::move(frame));
        ++waiting_;
    }
    changed_.notify_all();
    return core::Push::pushed;
}

void OrderedPictures::end(std::size_t segment, std::exception_ptr failure) {
    {
        const std::lock_guard lock(mutex_);
        segments_[segment].ended = true;
        segments_[segment].failure = std::move(failure);
    }
    changed_.notify_all();
}

// Whether pop() has an answer: `head_` is then behind all segments, or at one with a picture or a failure.
bool OrderedPictures::advance() {
    while (head_ < segments_.size()) {
        const Segment& head = segments_[head_];
        if (!head.frames.empty() || head.failure) return true;
        if (!head.ended) return false;
        ++head_;
        changed_.notify_all();  // a lane may wait for its segment's turn
    }
    return true;
}

core::Pop OrderedPictures::pop(DecodedFrame& frame, const std::stop_token& stop) {
    {
        std::unique_lock lock(mutex_);
        if (!changed_.wait(lock, stop, [&] { return advance(); })) return core::Pop::cancelled;
        if (head_ == segments_.size()) return core::Pop::ended;
        Segment& head = segments_[head_];
        if (head.frames.empty()) std::rethrow_exception(head.failure);
        frame = std::move(head.frames.front());
        head.frames.pop_front();
        --waiting_;
    }
    changed_.notify_all();
    return core::Pop::popped;
}

}  // namespace millrace::pipeline
