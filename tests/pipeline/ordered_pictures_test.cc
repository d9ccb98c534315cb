// Pictures of several segments come out in the segments' order, however they come in.

#include "pipeline/ordered_pictures.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>
#include <vector>

namespace millrace::pipeline::test {

namespace {

DecodedFrame numbered(std::int64_t number) { return {{}, number}; }

std::vector<std::int64_t> all_of(OrderedPictures& pictures) {
    std::vector<std::int64_t> numbers;
    for (DecodedFrame frame; pictures.pop(frame, {}) == core::Pop::popped;) numbers.push_back(frame.number);
    return numbers;
}

TEST(OrderedPictures, ComeOutInTheOrderOfSegments) {
    OrderedPictures pictures(3, 10);
    EXPECT_EQ(pictures.next_segment(), 0U);
    EXPECT_EQ(pictures.next_segment(), 1U);
    EXPECT_EQ(pictures.next_segment(), 2U);
    EXPECT_EQ(pictures.next_segment(), std::nullopt);
    EXPECT_EQ(pictures.push(2, numbered(4), {}), core::Push::pushed);
    EXPECT_EQ(pictures.push(0, numbered(0), {}), core::Push::pushed);
    pictures.end(2);
    pictures.end(1);
    EXPECT_EQ(pictures.push(0, numbered(1), {}), core::Push::pushed);
    pictures.end(0);
    EXPECT_EQ(all_of(pictures), (std::vector<std::int64_t>{0, 1, 4}));
}

TEST(OrderedPictures, SegmentsBehindNeverKeepTheFirstOneFromGoingOn) {
    OrderedPictures pictures(2, 3);
    for (std::int64_t i = 0; i < 3; ++i) EXPECT_EQ(pictures.push(1, numbered(100 + i), {}), core::Push::pushed);
    std::stop_source stopped;
    stopped.request_stop();
    EXPECT_EQ(pictures.push(1, numbered(103), stopped.get_token()), core::Push::cancelled) << "it is full";
    EXPECT_EQ(pictures.push(0, numbered(0), {}), core::Push::pushed);
    EXPECT_EQ(pictures.push(0, numbered(1), {}), core::Push::pushed);
    EXPECT_EQ(pictures.push(0, numbered(2), stopped.get_token()), core::Push::cancelled) << "two may be over";
    DecodedFrame frame;
    EXPECT_EQ(pictures.pop(frame, {}), core::Pop::popped);
    EXPECT_EQ(pictures.push(0, numbered(2), {}), core::Push::pushed);
    pictures.end(0);
    pictures.end(1);
    EXPECT_EQ(all_of(pictures), (std::vector<std::int64_t>{1, 2, 100, 101, 102}));
}

TEST(OrderedPictures, AFailureComesBehindWhatWasReadBeforeIt) {
    OrderedPictures pictures(2, 10);
    EXPECT_EQ(pictures.push(1, numbered(9), {}), core::Push::pushed);
    EXPECT_EQ(pictures.push(0, numbered(0), {}), core::Push::pushed);
    pictures.end(0, std::make_exception_ptr(std::runtime_error("damaged")));
    DecodedFrame frame;
    EXPECT_EQ(pictures.pop(frame, {}), core::Pop::popped);
    EXPECT_EQ(frame.number, 0);
    EXPECT_THROW((void)pictures.pop(frame, {}), std::runtime_error);
    EXPECT_THROW((void)pictures.pop(frame, {}), std::runtime_error) << "whoever asks";
}

TEST(OrderedPictures, AStopEndsEveryWait) {
    OrderedPictures pictures(2, 1);
    EXPECT_EQ(pictures.push(1, numbered(0), {}), core::Push::pushed);
    std::stop_source stop;
    core::Push pushed = core::Push::pushed;
    core::Pop popped = core::Pop::popped;
    {
        const std::jthread lane([&] { pushed = pictures.push(1, numbered(1), stop.get_token()); });
        const std::jthread converter([&] {
            DecodedFrame frame;
            popped = pictures.pop(frame, stop.get_token());
        });
        stop.request_stop();
    }
    EXPECT_EQ(pushed, core::Push::cancelled);
    EXPECT_EQ(popped, core::Pop::cancelled);
}

}  // namespace

}  // namespace millrace::pipeline::test
