#include "pipeline/schedule.h"

#include <gtest/gtest.h>
// After gtest.
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <optional>
#include <set>
#include <stop_token>

namespace millrace::pipeline {
namespace {

ResolvedJob make_job(int segments, int context_frames, infer::Order order = infer::Order::any) {
    ResolvedJob job;
    for (int i = 0; i < segments; ++i) {
        const std::int64_t begin = std::int64_t{100} * i;
        job.input.segments.push_back({i, {begin, begin + 100}, begin, 100});
    }
    job.video.emplace();
    job.video->encoder.context_frames = context_frames;
    if (order == infer::Order::sequential) {
        job.model.emplace();
        job.model->model.order = order;
    }
    return job;
}

std::map<int, SegmentRecord> finished(const std::set<int>& numbers) {
    std::map<int, SegmentRecord> records;
    for (const int number : numbers) records[number].segment = number;
    return records;
}

using Works = std::vector<std::pair<int, SegmentWork>>;

Works works_of(const std::vector<SegmentSeat>& seats) {
    Works works;
    for (const SegmentSeat& seat : seats) works.emplace_back(seat.segment.number, seat.work);
    return works;
}

TEST(Schedule, AFreshJobIsAllSegmentsWithContextFromTheNext) {
    const auto seats = make_schedule(make_job(3, 40), {});
    EXPECT_EQ(works_of(seats), (Works{{0, SegmentWork::full}, {1, SegmentWork::full}, {2, SegmentWork::full}}));
    EXPECT_EQ(seats[0].gives_context, nullptr);
    EXPECT_NE(seats[0].context, nullptr);
    EXPECT_EQ(seats[0].context, seats[1].gives_context);
    EXPECT_NE(seats[1].context, nullptr);
    EXPECT_EQ(seats[1].context, seats[2].gives_context);
    EXPECT_NE(seats[0].context, seats[1].context);
    EXPECT_EQ(seats[2].context, nullptr);  // there is nothing behind the last
}

TEST(Schedule, NoContextForEncodersWithoutLookaheadNorForData) {
    ResolvedJob data = make_job(3, 40);
    data.video.reset();
    for (const ResolvedJob& job : {make_job(3, 0), data}) {
        const auto seats = make_schedule(job, finished({1}));
        EXPECT_EQ(works_of(seats), (Works{{0, SegmentWork::full}, {2, SegmentWork::full}}));
        for (const SegmentSeat& seat : seats) {
            EXPECT_EQ(seat.context, nullptr);
            EXPECT_EQ(seat.gives_context, nullptr);
        }
    }
}

TEST(Schedule, OfAFinishedSegmentOnlyTheHeadIsMadeAgainForTheOneBefore) {
    const auto seats = make_schedule(make_job(5, 40), finished({1, 2, 4}));
    EXPECT_EQ(works_of(seats),
              (Works{{0, SegmentWork::full}, {1, SegmentWork::head}, {3, SegmentWork::full}, {4, SegmentWork::head}}));
    EXPECT_EQ(seats[0].context, seats[1].gives_context);
    EXPECT_EQ(seats[1].context, nullptr);
    EXPECT_EQ(seats[2].context, seats[3].gives_context);
}

TEST(Schedule, ASequentialModelReplaysWhatComesBeforeTheLastUnfinished) {
    const auto seats = make_schedule(make_job(5, 40, infer::Order::sequential), finished({0, 2, 4}));
    EXPECT_EQ(works_of(seats), (Works{{0, SegmentWork::replay},
                                      {1, SegmentWork::full},
                                      {2, SegmentWork::replay},
                                      {3, SegmentWork::full},
                                      {4, SegmentWork::head}}));
    EXPECT_EQ(seats[1].context, seats[2].gives_context);
    EXPECT_NE(seats[2].gives_context, nullptr);
}

TEST(Schedule, ASequentialModelWithAStateReplaysFromThereOn) {
    ResolvedJob job = make_job(7, 40, infer::Order::sequential);
    job.replay_from = 2;
    const auto seats = make_schedule(job, finished({0, 1, 2, 4}));
    EXPECT_EQ(works_of(seats), (Works{{2, SegmentWork::replay},
                                      {3, SegmentWork::full},
                                      {4, SegmentWork::replay},
                                      {5, SegmentWork::full},
                                      {6, SegmentWork::full}}));
}

TEST(Schedule, NothingIsLeftOfAFinishedJob) {
    for (const auto order : {infer::Order::any, infer::Order::sequential}) {
        EXPECT_TRUE(make_schedule(make_job(3, 40, order), finished({0, 1, 2})).empty());
    }
}

RC_GTEST_PROP(Schedule, EveryUnfinishedSegmentIsDoneOnceAndGetsItsContext, ()) {
    const int segments = *rc::gen::inRange(1, 12);
    const int context = *rc::gen::element(0, 40);
    const auto order = *rc::gen::element(infer::Order::any, infer::Order::sequential);
    std::set<int> done;
    for (int i = 0; i < segments; ++i) {
        if (*rc::gen::arbitrary<bool>()) done.insert(i);
    }
    const auto seats = make_schedule(make_job(segments, context, order), finished(done));
    std::map<int, const SegmentSeat*> by_number;
    int last = -1;
    for (const SegmentSeat& seat : seats) {
        RC_ASSERT(seat.segment.number > last);  // in order, none twice
        last = seat.segment.number;
        by_number[last] = &seat;
        RC_ASSERT((seat.work == SegmentWork::full) == !done.contains(last));
    }
    for (int i = 0; i < segments; ++i) {
        if (done.contains(i)) continue;
        RC_ASSERT(by_number.contains(i));
        const bool wants = context > 0 && i + 1 < segments;
        RC_ASSERT((by_number[i]->context != nullptr) == wants);
        if (!wants) continue;
        RC_ASSERT(by_number.contains(i + 1));
        RC_ASSERT(by_number[i + 1]->gives_context == by_number[i]->context);
    }
    if (order == infer::Order::sequential && done.size() < static_cast<std::size_t>(segments)) {
        for (int i = 0; i < segments; ++i) {
            const bool unfinished_follows = std::any_of(by_number.begin(), by_number.end(), [&](const auto& entry) {
                return entry.first >= i && entry.second->work == SegmentWork::full;
            });
            if (unfinished_follows) RC_ASSERT(by_number.contains(i));
        }
    }
}

TEST(Schedule, HandsOutSeatsInOrderOnce) {
    Schedule schedule(make_schedule(make_job(2, 0), {}), 1);
    EXPECT_EQ(schedule.left(), 2U);
    EXPECT_EQ(schedule.next(0, {})->segment.number, 0);
    EXPECT_EQ(schedule.next(0, {})->segment.number, 1);
    EXPECT_EQ(schedule.left(), 0U);
    EXPECT_FALSE(schedule.next(0, {}).has_value());
    EXPECT_FALSE(schedule.next(0, {}).has_value());
}

int number_of(const std::optional<SegmentSeat>& seat) { return seat ? seat->segment.number : -1; }

TEST(Schedule, WhileThereIsEnoughForAllLanesWhoeverAsksGetsTheNext) {
    Schedule schedule(make_schedule(make_job(6, 0), {}), 2);
    schedule.add_taker(0);
    schedule.add_taker(1);
    std::vector<SegmentSeat> taken;
    for (int i = 0; i < 5; ++i) {
        taken.push_back(schedule.next(0, {}).value());
        EXPECT_EQ(taken.back().segment.number, i);
    }
    EXPECT_EQ(schedule.left(), 1U);
}

TEST(Schedule, TheLastSegmentsGoWhereTheFewestFramesAreToDo) {
    Schedule schedule(make_schedule(make_job(5, 0), {}), 2);
    for (const std::size_t station : {0U, 0U, 0U, 1U, 1U}) schedule.add_taker(station);
    const auto first = schedule.next(0, {});
    EXPECT_EQ(number_of(first), 0);
    EXPECT_EQ(number_of(schedule.next(1, {})), 1);  // lost at once: all of it counts as done
    auto third = std::async(std::launch::async, [&] { return schedule.next(0, {}); });
    EXPECT_EQ(third.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
    const auto second = schedule.next(1, {});
    EXPECT_EQ(number_of(second), 2);
    const auto fourth = third.get();  // as much is to do on both
    EXPECT_EQ(number_of(fourth), 3);
    first->share->done(40);  // 160 here, 100 there
    auto fifth = std::async(std::launch::async, [&] { return schedule.next(0, {}); });
    EXPECT_EQ(fifth.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
    fourth->share->done(60);
    EXPECT_EQ(number_of(fifth.get()), 4);
}

TEST(Schedule, AStationWithoutLanesIsNotWaitedFor) {
    Schedule schedule(make_schedule(make_job(2, 0), {}), 3);
    for (const std::size_t station : {0U, 0U, 0U}) schedule.add_taker(station);
    const auto first = schedule.next(0, {});
    const auto second = schedule.next(0, {});
    EXPECT_EQ(number_of(second), 1);
}

TEST(Schedule, AStopEndsTheWait) {
    Schedule schedule(make_schedule(make_job(2, 0), {}), 2);
    for (const std::size_t station : {0U, 0U, 1U}) schedule.add_taker(station);
    const auto first = schedule.next(0, {});
    std::stop_source stop;
    auto waiting = std::async(std::launch::async, [&] { return schedule.next(0, stop.get_token()); });
    stop.request_stop();
    EXPECT_EQ(number_of(waiting.get()), -1);
    EXPECT_EQ(schedule.left(), 1U);
}

}  // namespace
}  // namespace millrace::pipeline
