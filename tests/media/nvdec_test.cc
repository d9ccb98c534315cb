// The NVDEC decoder on a fake of the driver: order, times, surfaces, reuse, failures.

#include "media/nvidia/decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "media/clips.h"
#include "media/nvdec_support.h"
#include "support/error_of.h"

namespace millrace::media::test {

namespace {

using millrace::test::message_of;
using testing::ElementsAre;
using testing::HasSubstr;

struct Offset {
    int left = 0;
    int top = 0;
};

void expect_samples(const device::Picture& picture, int value, Offset offset = {}) {
    const core::PixelFormat& format = picture.desc.format;
    const int shift = format.depth > 8 ? 16 - format.depth : 0;
    for (int plane = 0; plane < format.plane_count(); ++plane) {
        const bool pairs = plane > 0 && format.packing == core::Packing::semi_planar;
        const int left = pairs ? offset.left / 2 * 2 : offset.left;
        const int top = pairs ? offset.top / 2 : offset.top;
        for (int y = 0; y < core::plane_rows(picture.desc, plane); ++y) {
            for (int x = 0; x < core::plane_samples(picture.desc, plane); ++x) {
                ASSERT_EQ(sample(picture, plane, x, y), fake_sample(value, plane, x + left, y + top) << shift)
                    << plane << " " << x << " " << y;
            }
        }
    }
}

TEST_F(Nvdec, GivesPicturesInTheOrderTheyAreShownWithTheirPacketsTimes) {
    const auto decoder = open();
    const auto pictures = decode(*decoder, {"seq 64 48 4;dec 0 1;show 0;", "dec 1 4;", "dec 2 2;show 2;",
                                            "dec 3 3;show 3;show 1;", "dec 4 5;show 4 0;"});
    EXPECT_THAT(times(pictures), ElementsAre(0, 20, 30, 10, 40));
    EXPECT_THAT(fake_.shown, ElementsAre(1, 2, 3, 4, 5));
    const std::vector<int> values{1, 2, 3, 4, 5};
    for (std::size_t i = 0; i < pictures.size(); ++i) {
        expect_samples(pictures[i], values[i]);
        EXPECT_EQ(pictures[i].duration, 10);
        EXPECT_EQ(pictures[i].flags.key, i == 0);
        EXPECT_EQ(pictures[i].flags.interlaced, i == 4);
        EXPECT_FALSE(pictures[i].flags.corrupt);
        EXPECT_EQ(core::name(pictures[i].desc.format), "nv12");
    }
    EXPECT_EQ(decoder->errors(), 0);
    EXPECT_EQ(fake_.contexts, 0);
}

// The parser has a time for each packet: headers of their own would take the first picture's.
TEST_F(Nvdec, HeadersAndTheFirstPictureAreOnePacket) {
    EXPECT_THAT(times(decode(*open(), {"seq 64 48 4;dec 0 1;show 0;"}, 70)), ElementsAre(70));
    EXPECT_EQ(fake_.headers, 1);
    EXPECT_EQ(fake_.packets, 2);  // and the end
}

TEST_F(Nvdec, LeavesNothingBehind) {
    decode(*open(), {"seq 64 48 4;dec 0 1;show 0;", "dec 1 2;show 1;", "dec 2 3;show 2;"});
    sessions_.clear();
    EXPECT_EQ(fake_.parsers, 0);
    EXPECT_EQ(fake_.decoders, 0);
    EXPECT_EQ(fake_.mapped, 0);
    EXPECT_EQ(fake_.contexts, 0);
    EXPECT_LE(fake_.mapped_most, nvidia::mapped_at_most);
}

// The chip should have pictures to decode while the host waits for one; the first is not kept waiting.
TEST_F(Nvdec, KeepsPicturesAheadAfterTheFirst) {
    const auto decoder = open();
    device::Picture picture;
    ASSERT_EQ(decoder->receive(picture), core::Receive::needs_input);
    ASSERT_EQ(decoder->send(packet_of("seq 64 48 4;dec 0 1;show 0;", 0)), core::Feed::accepted);
    ASSERT_EQ(decoder->send(packet_of("dec 1 2;show 1;", 10)), core::Feed::full);
    ASSERT_EQ(decoder->receive(picture), core::Receive::ready);
    int sent = 0;
    for (int given = 1; given < 10; ++given) {
        while (decoder->receive(picture) == core::Receive::needs_input) {
            ++sent;
            const std::string surface = std::to_string(sent % 8);
            ASSERT_EQ(decoder->send(packet_of("dec " + surface + " 9;show " + surface + ";", std::int64_t{10} * sent)),
                      core::Feed::accepted);
        }
    }
    EXPECT_EQ(sent, 9 + 4);
}

TEST_F(Nvdec, CutsOutThePartThatIsShown) {
    const auto pictures = decode(*open(), {"seq 64 48 4 1 8 4 6 61 43;dec 0 1;show 0;"});  // odd sizes, from (4, 6) on
    ASSERT_EQ(pictures.size(), 1U);
    EXPECT_EQ(pictures[0].desc.width, 57);
    EXPECT_EQ(pictures[0].desc.height, 37);
    expect_samples(pictures[0], 1, {4, 6});
}

TEST_F(Nvdec, OddCodedSizesAreNotScaled) {
    const auto pictures = decode(*open("vp9"), {"seq 65 49 4;dec 0 1;show 0;"});
    ASSERT_EQ(pictures.size(), 1U);
    EXPECT_EQ(pictures[0].desc.width, 65);
    expect_samples(pictures[0], 1);
    const CUVIDDECODECREATEINFO& info = fake_.created.at(0);
    EXPECT_EQ(info.ulWidth, info.ulTargetWidth);
    EXPECT_EQ(info.ulHeight, info.ulTargetHeight);
    const CUVIDRECONFIGUREDECODERINFO& now = fake_.reconfigured.at(0);
    EXPECT_THAT((std::vector{now.ulWidth, now.ulTargetWidth, now.ulHeight, now.ulTargetHeight}),
                ElementsAre(66U, 66U, 50U, 50U));
}

TEST_F(Nvdec, DeepSamplesStayInTheHighBits) {
    for (const auto& [packet, name] :
         std::vector<std::pair<std::string, std::string>>{{"seq 64 48 4 1 10;dec 0 1;show 0;", "p010le"},
                                                          {"seq 64 48 4 1 12;dec 0 1;show 0;", "p012le"},
                                                          {"seq 64 48 4 3 8;dec 0 1;show 0;", "yuv444p"},
                                                          {"seq 64 48 4 3 12;dec 0 1;show 0;", "yuv444p12le"},
                                                          {"seq 64 48 4 0 8;dec 0 1;show 0;", "gray"}}) {
        SCOPED_TRACE(name);
        const auto pictures = decode(*open("hevc"), {packet});
        ASSERT_EQ(pictures.size(), 1U);
        EXPECT_EQ(core::name(pictures[0].desc.format), name);
        EXPECT_EQ(pictures[0].desc.format.alignment == core::Alignment::high, pictures[0].desc.format.depth > 8);
        expect_samples(pictures[0], 1);
    }
}

// A parser that uses a surface again at once: what it shows is copied out first.
TEST_F(Nvdec, SavesPicturesFromBeingDecodedOver) {
    const auto pictures = decode(
        *open(), {"seq 64 48 4;dec 0 1;show 0;", "dec 0 2;show 0;dec 0 3;show 0;dec 1 4;", "show 1;dec 1 5;show 1;"});
    ASSERT_EQ(pictures.size(), 5U);
    for (std::size_t i = 0; i < pictures.size(); ++i) expect_samples(pictures[i], static_cast<int>(i) + 1);
    EXPECT_THAT(times(pictures), ElementsAre(0, 10, 10, 10, 20));
}

TEST_F(Nvdec, TellsTheParserHowManySurfacesThereAre) {
    decode(*open(), {"seq 64 48 5;dec 0 1;show 0;"});
    EXPECT_GE(fake_.created.at(0).ulNumDecodeSurfaces, 5U + 4U);
    sessions_.clear();
    decode(*open(), {"seq 64 48 32;dec 31 1;show 31;"});
    EXPECT_EQ(fake_.created.at(1).ulNumDecodeSurfaces, 32U);
}

TEST_F(Nvdec, StartsAgainAfterReset) {
    const auto decoder = open();
    device::Picture picture;
    ASSERT_EQ(decoder->send(packet_of("seq 64 48 4;dec 0 1;show 0;", 0)), core::Feed::accepted);
    decoder->reset();
    for (int round = 0; round < 2; ++round) {
        const auto pictures = decode(*decoder, {"seq 64 48 4;dec 0 2;show 0;", "dec 1 3;show 1;"}, 500);
        EXPECT_THAT(times(pictures), ElementsAre(500, 510));
        decoder->reset();
    }
    EXPECT_EQ(fake_.parsers_made, 3);
    EXPECT_EQ(fake_.headers, 3);
    EXPECT_EQ(fake_.created.size(), 1U);
    EXPECT_EQ(decoder->errors(), 0);
}

TEST_F(Nvdec, FollowsASizeThatChangesMidway) {
    const auto pictures =
        decode(*open(), {"seq 64 48 4;dec 0 1;show 0;", "dec 1 2;dec 2 3;show 1;", "show 2;seq 96 64 4;dec 0 4;show 0;",
                         "dec 1 5;show 1;dec 2 6;show 2;dec 3 7;show 3;dec 4 8;show 4;",
                         "dec 0 9;show 0;dec 1 10;show 1;", "seq 128 96 4;dec 0 11;show 0;"});
    ASSERT_EQ(pictures.size(), 11U);
    EXPECT_EQ(pictures[10].desc.width, 128);
    for (std::size_t i = 0; i < pictures.size(); ++i) expect_samples(pictures[i], static_cast<int>(i) + 1);
    // The first one's pictures were still waiting when the second came; for the third it was free again.
    EXPECT_EQ(sessions_.counts().created, 2);
    EXPECT_EQ(sessions_.counts().reconfigured, 1);
}

// Its references are in the surfaces: the same decoder goes on.
TEST_F(Nvdec, Vp9KeepsItsDecoderWhenItsSizeChanges) {
    const auto pictures = decode(
        *open("vp9"), {"seq 64 48 4;dec 0 1;show 0;", "dec 1 2;show 1;dec 2 3;show 2;", "seq 96 64 4;dec 3 4;show 3;"});
    ASSERT_EQ(pictures.size(), 4U);
    for (std::size_t i = 0; i < pictures.size(); ++i) expect_samples(pictures[i], static_cast<int>(i) + 1);
    EXPECT_EQ(pictures[3].desc.height, 64);
    EXPECT_EQ(fake_.created.size(), 1U);
    EXPECT_EQ(fake_.reconfigured.size(), 2U);  // the first when it was made
}

// Rows of mapped pictures keep the length that the decoder was created with.
TEST_F(Nvdec, ADecoderMadeForASmallPictureTakesALargerOne) {
    decode(*open(), {"seq 64 48 4;dec 0 1;show 0;"});
    const auto pictures = decode(*open(), {"seq 700 48 4;dec 0 2;show 0;"});
    ASSERT_EQ(pictures.size(), 1U);
    expect_samples(pictures[0], 2);
    EXPECT_EQ(sessions_.counts().created, 1);
}

// The surface has the new shape then: reading it in the old one went beyond its end.
TEST_F(Nvdec, ShowsNoPictureOfASizeThatItsDecoderNoLongerHas) {
    const auto decoder = open("vp9");
    const auto pictures =
        decode(*decoder, {"seq 96 64 4;dec 0 1;show 0;", "dec 1 2;", "seq 64 48 4;dec 2 3;show 2;", "show 1;"});
    ASSERT_EQ(pictures.size(), 2U);
    expect_samples(pictures[0], 1);
    expect_samples(pictures[1], 3);
    EXPECT_EQ(decoder->errors(), 1);
}

TEST_F(Nvdec, DecodersAreUsedAgainAndReconfigured) {
    decode(*open(), {"seq 64 48 4;dec 0 1;show 0;"});
    decode(*open(), {"seq 64 48 4;dec 0 1;show 0;"});
    EXPECT_EQ(sessions_.counts().reused, 1);
    const auto pictures = decode(*open(), {"seq 1920 1088 4 1 8 0 0 160 100;dec 0 1;show 0;"});
    expect_samples(pictures.at(0), 1);
    EXPECT_EQ(sessions_.counts().reconfigured, 1);
    EXPECT_EQ(sessions_.counts().created, 1);
    EXPECT_EQ(fake_.reconfigured.back().ulTargetHeight, 1088U);
    // Another codec, a deeper one, more surfaces, a size beyond its room: another decoder.
    decode(*open("hevc"), {"seq 64 48 4;dec 0 1;show 0;"});
    decode(*open("hevc"), {"seq 64 48 4 1 10;dec 0 1;show 0;"});
    decode(*open(), {"seq 64 48 9;dec 0 1;show 0;"});
    decode(*open(), {"seq 4096 2176 4 1 8 0 0 160 100;dec 0 1;show 0;"});
    EXPECT_EQ(sessions_.counts().created, 5);
    EXPECT_EQ(fake_.decoders, 4);  // as many as the pool keeps
}

// As libavcodec: RFC 6386, section 9.2.
TEST_F(Nvdec, Vp8IsBt601WhateverTheContainerSays) {
    StreamInfo stream = stream_of("vp8");
    stream.color.value.matrix = core::Matrix::bt709;
    stream.color.matrix_from = core::ColorOrigin::rule;
    const std::vector<std::string> packets{"seq 64 48 4;dec 0 1;show 0;"};
    EXPECT_EQ(decode(*open(stream), packets).at(0).desc.color.matrix, core::Matrix::bt470bg);
    stream.color.matrix_from = core::ColorOrigin::user;
    EXPECT_EQ(decode(*open(stream), packets).at(0).desc.color.matrix, core::Matrix::bt709);
}

TEST_F(Nvdec, MakesRoomWhenMemoryIsShort) {
    decode(*open(), {"seq 64 48 4;dec 0 1;show 0;"});
    fake_.fail_creations = 1;
    EXPECT_EQ(decode(*open("hevc"), {"seq 64 48 4;dec 0 1;show 0;"}).size(), 1U);
    EXPECT_EQ(fake_.decoders, 1);
    EXPECT_EQ(fake_.created.back().ulMaxWidth, 64U);
    fake_.fail_creations = 2;
    EXPECT_THAT(message_of(core::ErrorCode::failed, [&] { decode(*open("vp8"), {"seq 64 48 4;"}); }),
                testing::AllOf(HasSubstr("cuda:3: cuvidCreateDecoder failed (FAKE_ERROR, 2)"),
                               HasSubstr("vp8 4:2:0 8-bit 64x48"), HasSubstr("surfaces")));
    EXPECT_EQ(fake_.contexts, 0);
}

TEST_F(Nvdec, MarksDamageAndLeavesOutWhatTheChipRejects) {
    const auto decoder = open();
    const auto pictures = decode(*decoder, {"seq 64 48 4;dec 0 1;show 0;", "dec 1 2 9;show 1;", "dec 2 -1;show 2;",
                                            "bad;", "dec 3 4 8;show 3;"});
    EXPECT_THAT(times(pictures), ElementsAre(0, 10, 40));
    EXPECT_FALSE(pictures.at(0).flags.corrupt);
    EXPECT_TRUE(pictures.at(1).flags.corrupt);
    EXPECT_TRUE(pictures.at(2).flags.corrupt);
    EXPECT_EQ(decoder->errors(), 2);
}

TEST_F(Nvdec, LeavesOutPicturesThatCannotBeMapped) {
    const auto decoder = open();
    fake_.map_result = static_cast<CUresult>(205);
    EXPECT_EQ(decode(*decoder, {"seq 64 48 4;dec 0 1;show 0;"}).size(), 0U);
    EXPECT_EQ(decoder->errors(), 1);
    EXPECT_EQ(pool_.usage().leased, 0U);
}

TEST_F(Nvdec, EndsWhenTheDeviceIsLost) {
    const auto decoder = open();
    fake_.map_result = static_cast<CUresult>(719);
    EXPECT_THAT(message_of(core::ErrorCode::failed, [&] { decode(*decoder, {"seq 64 48 4;dec 0 1;show 0;"}); }),
                HasSubstr("cuda:3: cuvidMapVideoFrame failed (FAKE_ERROR, 719)"));
}

TEST_F(Nvdec, DoesNotShowWhatIsDecodedForReferenceOnly) {
    const auto decoder = open();
    Packet hidden = packet_of("seq 64 48 4;dec 0 1;show 0;", 0);
    hidden.discard = true;
    ASSERT_EQ(decoder->send(hidden), core::Feed::accepted);
    EXPECT_THAT(times(decode(*decoder, {"dec 1 2;show 1;"}, 10)), ElementsAre(10));
}

TEST_F(Nvdec, MakesUpNoTimes) {
    const auto decoder = open();
    ASSERT_EQ(decoder->send(packet_of("seq 64 48 4;dec 0 1;show 0;", core::no_pts)), core::Feed::accepted);
    EXPECT_THAT(times(decode(*decoder, {"dec 1 2;show 1;"}, -10)), ElementsAre(core::no_pts, -10));
}

TEST_F(Nvdec, SaysWhenItCannotDecodeTheStreamAfterAll) {
    EXPECT_THAT(message_of(core::ErrorCode::bad_input, [&] { decode(*open(), {"seq 64 48 4 2 10;"}); }),
                testing::AllOf(HasSubstr("clip.mp4"), HasSubstr("h264 4:2:2 10-bit 64x48"), HasSubstr("on the CPU")));
    EXPECT_THAT(message_of(core::ErrorCode::bad_input, [&] { decode(*open(), {"seq 64 48 4 1 8 0 0 80 48;"}); }),
                HasSubstr("no part"));
}

// Damaged headers end nothing.
TEST_F(Nvdec, GivesNothingBetweenImpossibleHeadersAndSoundOnes) {
    const auto decoder = open();
    const auto pictures = decode(*decoder, {"seq 64 48 4;dec 0 1;show 0;", "seq 64 48 4 2 8;dec 0 2;show 0;",
                                            "dec 1 3;show 1;", "seq 64 48 4;dec 2 4;show 2;"});
    EXPECT_THAT(times(pictures), ElementsAre(0, 30));
    EXPECT_EQ(decoder->errors(), 3);
}

TEST_F(Nvdec, EndsWhenStoppedWhileItWaitsForMemory) {
    device::BufferPool small{{}, "test", 6000};  // one picture
    DecoderOptions options;
    options.pictures = &small;
    options.stop = stop_.get_token();
    const auto decoder = nvidia::make_decoder({.library = fake_.library,
                                               .sessions = sessions_,
                                               .filter = std::make_unique<PlainFilter>(),
                                               .stream = stream_of("h264"),
                                               .path = "clip.mp4"},
                                              options);
    device::Picture first;
    ASSERT_EQ(decoder->send(packet_of("seq 64 48 4;dec 0 1;show 0;", 0)), core::Feed::accepted);
    ASSERT_EQ(decoder->receive(first), core::Receive::ready);
    ASSERT_EQ(decoder->send(packet_of("dec 1 1;show 1;", 10)), core::Feed::accepted);
    decoder->finish();
    stop_.request_stop();
    device::Picture second;
    EXPECT_EQ(decoder->receive(second), core::Receive::end);
}

}  // namespace

}  // namespace millrace::media::test
