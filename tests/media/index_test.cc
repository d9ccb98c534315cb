// The index builder's rules, and what packets say of themselves.

#include "media/index.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <vector>

#include "media/access_unit.h"
#include "media/index_builder.h"
#include "media/nal_units.h"

namespace millrace::media::test {

namespace {

PacketFacts packet(std::int64_t pts, bool random_access = false) {
    return {.pts = pts,
            .dts = core::no_pts,
            .duration = 1,
            .position = pts == core::no_pts ? -1 : pts * 100,
            .random_access = random_access};
}

PacketIndex build(const std::vector<PacketFacts>& packets) {
    IndexBuilder builder;
    for (const PacketFacts& one : packets) builder.add(one);
    (void)builder.uncertain_before();
    return builder.finish();
}

TEST(IndexBuilder, SortsFramesAndCountsReordering) {
    const PacketIndex index =
        build({packet(0, true), packet(3), packet(1), packet(2), packet(6, true), packet(4), packet(5)});
    EXPECT_EQ(index.frame_pts, (std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(index.reorder, 1);
    ASSERT_EQ(index.access_points.size(), 2U);
    EXPECT_EQ(index.access_points[1].pts, 6);
    EXPECT_EQ(index.access_points[1].ordinal, 4);
    // 4 and 5 lead the second point: they belong to the first.
    EXPECT_EQ(index.access_point_for(5).pts, 0);
    EXPECT_EQ(index.access_point_for(6).pts, 6);
    EXPECT_EQ(index.access_point_for(-7).pts, 0);
    EXPECT_EQ(index.frames_before(3), 3);
    EXPECT_EQ(index.frames_before(100), 7);
}

TEST(IndexBuilder, MakesOneSegmentOfTimesThatCannotBeTrusted) {
    EXPECT_EQ(build({packet(0, true), packet(1), packet(1)}).one_segment_reason, "two frames share pts 1");
    EXPECT_EQ(build({packet(0, true), packet(core::no_pts)}).one_segment_reason, "packets without a presentation time");
    std::vector<PacketFacts> backward{packet(0, true)};
    for (int i = 0; i < 40; ++i) backward.push_back(packet(100 + i));
    backward.push_back(packet(50, true));
    EXPECT_EQ(build(backward).one_segment_reason, "presentation times run backward");
    std::vector<PacketFacts> decode{packet(0, true), packet(1)};
    decode[0].dts = 5;
    decode[1].dts = 4;
    EXPECT_EQ(build(decode).one_segment_reason, "decoding times run backward");
    EXPECT_EQ(build({packet(0), packet(1)}).one_segment_reason, "no packet at which a decoder may begin");
    EXPECT_EQ(build({}).one_segment_reason, "");
}

TEST(IndexBuilder, DropsAccessPointsThatAnEarlierPacketReachesBehind) {
    const PacketIndex index = build({packet(0, true), packet(9), packet(5, true), packet(6), packet(10, true)});
    ASSERT_EQ(index.access_points.size(), 2U);
    EXPECT_EQ(index.access_points[1].pts, 10);
}

TEST(IndexBuilder, TakesUncertainFirstFramesFromTheDecoder) {
    IndexBuilder builder;
    for (const PacketFacts& one : {packet(2), packet(1), packet(5, true), packet(4), packet(6)}) builder.add(one);
    ASSERT_EQ(builder.uncertain_before(), 5);
    builder.set_start({{.pts = 4, .duration = 1}});
    const PacketIndex index = builder.finish();
    EXPECT_EQ(index.frame_pts, (std::vector<std::int64_t>{4, 5, 6}));
    EXPECT_EQ(index.access_points.size(), 2U);
}

// Any order of distinct times within the codecs' reach: every frame is there once, and each access point splits them.
RC_GTEST_PROP(IndexBuilderProperty, AccessPointsSplitTheFrames, ()) {
    const auto count = *rc::gen::inRange(1, 200);
    std::vector<PacketFacts> packets;
    for (int i = 0; i < count; ++i) packets.push_back(packet(i, i == 0 || *rc::gen::inRange(0, 8) == 0));
    // Swaps of near neighbours, as reordering makes them; never of the first.
    for (int i = 2; i < count; i += 2) {
        const auto at = static_cast<std::size_t>(i);
        if (*rc::gen::inRange(0, 3) == 0) std::swap(packets[at], packets[at - 1]);
    }
    const PacketIndex index = build(packets);
    RC_ASSERT(index.segmentable());
    RC_ASSERT(index.frame_pts.size() == packets.size());
    RC_ASSERT(std::ranges::is_sorted(index.frame_pts));
    for (const AccessPoint& point : index.access_points) {
        for (std::size_t i = 0; i < packets.size(); ++i) {
            const bool before = static_cast<std::int64_t>(i) < point.ordinal;
            if (before) RC_ASSERT(packets[i].pts < point.pts);
        }
    }
    for (const std::int64_t pts : index.frame_pts) {
        const AccessPoint& point = index.access_point_for(pts);
        const auto at = std::ranges::find(packets, pts, &PacketFacts::pts) - packets.begin();
        RC_ASSERT(point.ordinal <= at);
    }
}

std::vector<std::byte> bytes(std::initializer_list<int> values) {
    std::vector<std::byte> out;
    for (const int value : values) out.push_back(static_cast<std::byte>(value));
    return out;
}

TEST(NalUnits, AreFoundInBothForms) {
    std::vector<std::size_t> sizes;
    const auto count = [&sizes](std::span<const std::byte> nal) {
        sizes.push_back(nal.size());
        return true;
    };
    for_each_nal(bytes({0, 0, 0, 1, 9, 16, 0, 0, 1, 7, 1, 2, 0, 0, 0, 1, 5}), 0, count);
    for_each_nal(bytes({0, 0, 0, 2, 7, 1, 0, 0, 0, 1, 5, 0, 0, 9, 9, 1}), 4, count);
    EXPECT_EQ(sizes, (std::vector<std::size_t>{2, 3, 1, 2, 1}));
    EXPECT_EQ(unescape_nal(bytes({1, 0, 0, 3, 1, 0, 0, 3}), 100), bytes({1, 0, 0, 1, 0, 0}));
}

// SEI sizes beyond the end are cut.
TEST(NalUnits, SeiMessagesEndWithTheirUnit) {
    const auto payload = bytes({5, 1, 0, 6, 200, 7, 8});
    EXPECT_EQ(find_sei(payload, 6).size(), 2U);
    EXPECT_TRUE(find_sei(payload, 1).empty());
}

// A recovery point: payload type 6, size 1; ue 0 exact 1 -> 1 1..., ue 0 exact 0 -> 1 0..., ue 1 -> 010...
TEST(AccessUnits, RecoveryPointsCountWhenTheyAreImmediateAndExact) {
    const auto scan = [](int payload) {
        const auto scanner = make_access_unit_scanner("h264", bytes({0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 1}));
        return scanner->scan(bytes({0, 0, 1, 6, 6, 1, payload, 0x80, 0, 0, 1, 0x41, 1}), true);
    };
    EXPECT_TRUE(scan(0xC4).random_access);
    EXPECT_FALSE(scan(0x84).random_access);
    EXPECT_FALSE(scan(0x60).random_access);
    EXPECT_TRUE(scan(0x60).gradual_refresh);
    EXPECT_FALSE(scan(0xC4).gradual_refresh);
}

TEST(AccessUnits, ADecoderMustKnowTheParameterSets) {
    const auto known = bytes({0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 1});
    const auto idr = bytes({0, 0, 1, 0x65, 1});
    EXPECT_TRUE(make_access_unit_scanner("h264", known)->scan(idr, true).random_access);
    EXPECT_FALSE(make_access_unit_scanner("h264", {})->scan(idr, true).random_access);
    const auto changed = make_access_unit_scanner("h264", known);
    EXPECT_TRUE(changed->scan(bytes({0, 0, 1, 0x67, 2, 0, 0, 1, 0x68, 1, 0, 0, 1, 0x65, 1}), true).random_access);
    EXPECT_FALSE(changed->scan(idr, true).random_access);
}

TEST(AccessUnits, HiddenFramesAreNotCounted) {
    const auto vp9 = make_access_unit_scanner("vp9", {});
    EXPECT_EQ(vp9->scan(bytes({0x82, 1}), true).shown, 1);  // key frame, shown
    EXPECT_TRUE(vp9->scan(bytes({0x82, 1}), true).random_access);
    EXPECT_EQ(vp9->scan(bytes({0x84, 1}), false).shown, 0);  // hidden
    EXPECT_EQ(vp9->scan(bytes({0x88}), false).shown, 1);     // shows an existing frame
    // A superframe: a hidden frame of two bytes, a shown one of one.
    const auto superframe = vp9->scan(bytes({0x84, 1, 0x86, 0xC1, 2, 1, 0xC1}), false);
    EXPECT_EQ(superframe.shown, 1);
    EXPECT_FALSE(superframe.random_access);
    EXPECT_EQ(make_access_unit_scanner("vp8", {})->scan(bytes({0x10, 0}), true).shown, 1);
    EXPECT_EQ(make_access_unit_scanner("vp8", {})->scan(bytes({0x01, 0}), false).shown, 0);
    EXPECT_EQ(make_access_unit_scanner("cinepak", {}), nullptr);
}

// Damage must never read past the end (the sanitizers watch).
RC_GTEST_PROP(AccessUnitsProperty, TakeAnyBytes, ()) {
    const auto data = *rc::gen::container<std::vector<std::uint8_t>>(rc::gen::arbitrary<std::uint8_t>());
    const auto extra = *rc::gen::container<std::vector<std::uint8_t>>(rc::gen::arbitrary<std::uint8_t>());
    for (const char* codec : {"h264", "hevc", "vp8", "vp9", "av1", "mpeg2video", "mpeg4", "prores"}) {
        const auto scanner = make_access_unit_scanner(codec, std::as_bytes(std::span(extra)));
        const AccessUnit unit = scanner->scan(std::as_bytes(std::span(data)), true);
        RC_ASSERT(unit.shown >= 0);
    }
}

}  // namespace

}  // namespace millrace::media::test
