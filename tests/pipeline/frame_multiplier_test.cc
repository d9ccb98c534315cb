// Several pictures of each frame divide the time up to the next one.

#include "pipeline/frame_multiplier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace millrace::pipeline {
namespace {

using testing::ElementsAre;
using Picture = std::pair<std::int64_t, int>;  // pts, slot

FrameResult frame(std::int64_t pts, int slot) { return {{0, pts, 0, nullptr}, ModelResult{0, slot, nullptr}}; }

std::vector<Picture> pictures_of(int rate, const std::vector<std::int64_t>& pts, std::int64_t end) {
    std::vector<Picture> made;
    FrameMultiplier multiplier(
        rate, [&](FrameResult one) { made.emplace_back(one.tag.pts, std::get<ModelResult>(one.content).slot); });
    int slot = 0;
    for (const std::int64_t time : pts) multiplier.add(frame(time, slot++));
    multiplier.end(end);
    return made;
}

TEST(FrameMultiplier, OneGoesThroughAsItIs) {
    EXPECT_THAT(pictures_of(1, {5, 7}, 9), ElementsAre(Picture{5, 0}, Picture{7, 1}));
}

TEST(FrameMultiplier, TimesAreExactInFinerTicks) {
    // 10, 13, 20 of a tick each are 20, 26, 40 of half a tick.
    EXPECT_THAT(pictures_of(2, {10, 13, 20}, 25), ElementsAre(Picture{20, 0}, Picture{23, 1}, Picture{26, 2},
                                                              Picture{33, 3}, Picture{40, 4}, Picture{45, 5}));
}

TEST(FrameMultiplier, FramesOfOneTimeStillGoForward) {
    EXPECT_THAT(pictures_of(3, {4}, 4), ElementsAre(Picture{12, 0}, Picture{13, 1}, Picture{14, 2}));
}

TEST(FrameMultiplier, NothingComesOfNothing) { EXPECT_TRUE(pictures_of(2, {}, 7).empty()); }

}  // namespace
}  // namespace millrace::pipeline
