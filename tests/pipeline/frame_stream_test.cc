// Batches that are made ahead: the same however many lanes make them, and however soon somebody leaves.

#include "pipeline/frame_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <numeric>
#include <optional>
#include <thread>
#include <vector>

#include "pipeline/fakes.h"

namespace millrace::pipeline::test {

namespace {

constexpr std::chrono::minutes long_enough{1};
constexpr int batch_size = 7;

struct Streaming {
    explicit Streaming(int lanes = 3)
        : rig(FakeJob{.frames = 60, .model = fake_model({}, batch_size)}),
          plan{.input = rig.job.input,
               .model = rig.job.model->model,
               .frame = rig.job.model->frame,
               .device = {},
               .lanes = lanes,
               .converters = 2,
               .pictures = 4,
               .batches = 2} {}

    FrameStream& begin() {
        const OpenReader open = [this](const std::stop_token&) { return rig.backends.open_reader(0); };
        return stream.emplace(plan, open);
    }

    // Numbers and pts of all frames; checks that their pixels are theirs.
    std::vector<std::int64_t> read() {
        std::vector<std::int64_t> numbers;
        FrameBatch batch;
        while (stream->next(batch, long_enough) == FrameStream::Next::batch) {
            EXPECT_EQ(batch.tensor.desc.shape.front(), static_cast<std::int64_t>(batch.numbers.size()));
            for (std::size_t i = 0; i < batch.numbers.size(); ++i) {
                EXPECT_EQ(batch.pts[i], plan.input.index->frame_pts[static_cast<std::size_t>(batch.numbers[i])]);
                values.push_back(*batch.tensor.at(static_cast<std::int64_t>(i)).as<float>());
                EXPECT_NEAR(values.back(), (luma_of(batch.numbers[i]) - 16) / 219.0, 1e-5);  // grey, limited range
            }
            sizes.push_back(batch.numbers.size());
            numbers.insert(numbers.end(), batch.numbers.begin(), batch.numbers.end());
        }
        return numbers;
    }

    Rig rig;
    FrameStreamPlan plan;
    std::vector<float> values;
    std::vector<std::size_t> sizes;
    std::optional<FrameStream> stream;
};

std::vector<std::int64_t> first(std::int64_t count) {
    std::vector<std::int64_t> numbers(static_cast<std::size_t>(count));
    std::iota(numbers.begin(), numbers.end(), std::int64_t{0});
    return numbers;
}

TEST(FrameStream, GivesEveryFrameOnceInOrder) {
    std::vector<float> expected;
    for (const int lanes : {1, 3, 6}) {
        Streaming streaming(lanes);
        streaming.begin();
        EXPECT_EQ(streaming.read(), first(60));
        EXPECT_THAT(streaming.sizes, testing::ElementsAre(7, 7, 7, 7, 7, 7, 7, 7, 4));
        if (expected.empty()) expected = streaming.values;
        EXPECT_EQ(streaming.values, expected);
        FrameBatch none;
        EXPECT_EQ(streaming.stream->next(none, long_enough), FrameStream::Next::ended) << "again";
    }
}

TEST(FrameStream, LeavesOutWhatIsMissingOrDropped) {
    Streaming streaming;
    streaming.rig.video.missing = {100, 110};
    streaming.rig.video.corrupt = {0, 250};
    streaming.plan.input.on_corrupt = CorruptPolicy::drop;
    streaming.begin();
    std::vector<std::int64_t> expected = first(60);
    std::erase_if(expected, [](std::int64_t n) { return n == 0 || n == 10 || n == 11 || n == 25; });
    EXPECT_EQ(streaming.read(), expected);
    EXPECT_THAT(streaming.sizes, testing::Each(7));
    const ReadLosses losses = streaming.stream->losses();
    EXPECT_THAT(losses.missing_pts, testing::ElementsAre(100, 110));
    EXPECT_THAT(losses.dropped_pts, testing::UnorderedElementsAre(0, 250));
}

TEST(FrameStream, AnErrorComesBehindTheFramesBeforeIt) {
    for (const int lanes : {1, 4}) {
        Streaming streaming(lanes);
        streaming.rig.video.corrupt = {330};
        streaming.plan.input.on_corrupt = CorruptPolicy::fail;
        streaming.begin();
        const std::string said = error_of([&] { streaming.read(); }).what();
        EXPECT_THAT(said, testing::HasSubstr("fake.mp4: the frame at pts 330 is damaged"));
        EXPECT_EQ(streaming.values.size(), 33U);
    }
}

TEST(FrameStream, KeptBatchesKeepNothingWaiting) {
    Streaming streaming;
    streaming.begin();
    std::vector<FrameBatch> kept(9);
    for (FrameBatch& batch : kept) EXPECT_EQ(streaming.stream->next(batch, long_enough), FrameStream::Next::batch);
    FrameBatch none;
    EXPECT_EQ(streaming.stream->next(none, long_enough), FrameStream::Next::ended);
    streaming.stream.reset();
    EXPECT_EQ(kept[8].numbers, (std::vector<std::int64_t>{56, 57, 58, 59}));
}

TEST(FrameStream, GoesAheadAsFarAsItMay) {
    Streaming streaming(6);
    std::atomic<int> read = 0;
    streaming.rig.video.on_frame = [&](std::int64_t) { ++read; };
    streaming.begin();
    FrameBatch batch;
    EXPECT_EQ(streaming.stream->next(batch, long_enough), FrameStream::Next::batch);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    // Three batches, four pictures that wait and two of the first segment, one in the hands of each thread.
    EXPECT_LE(read, 3 * batch_size + 4 + 2 + 6 + 2);
    streaming.read();
    EXPECT_EQ(read, 60);
}

TEST(FrameStream, EndsAtOnceWhenLeftOrStopped) {
    for (int taken = 0; taken < 4; ++taken) {
        Streaming streaming(4);
        FrameStream& stream = streaming.begin();
        FrameBatch batch;
        for (int i = 0; i < taken; ++i) EXPECT_EQ(stream.next(batch, long_enough), FrameStream::Next::batch);
        if (taken % 2 == 0) continue;  // left
        const std::jthread other([&] { stream.stop(); });
        FrameStream::Next next = FrameStream::Next::batch;
        while (next == FrameStream::Next::batch) next = stream.next(batch, long_enough);
        EXPECT_TRUE(next == FrameStream::Next::stopped || next == FrameStream::Next::ended);
    }
}

}  // namespace

}  // namespace millrace::pipeline::test
