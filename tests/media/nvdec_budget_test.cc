// What decoders on a GPU may take for their surfaces.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "media/nvdec_support.h"
#include "support/error_of.h"

namespace millrace::media::test {

namespace {

using millrace::test::message_of;
using testing::HasSubstr;

// NV12 in rows of 2048 bytes; four surfaces and six spare ones, and three that may be mapped.
constexpr std::size_t roomy_bytes = std::size_t{2048} * 1088 * 3 / 2 * (4 + 6 + 3);
// The same without room for more than 64x48.
constexpr std::size_t exact_bytes = std::size_t{256} * 48 * 3 / 2 * (4 + 6 + 3);

const std::vector<std::string> clip{"seq 64 48 4;dec 0 1;show 0;", "dec 1 2;show 1;", "dec 2 3;show 2;"};

class NvdecBudget : public Nvdec {
  protected:
    void allow(std::size_t bytes) { budget_ = std::make_shared<SurfaceBudget>(bytes); }

    /// A lane in the middle of its file.
    std::unique_ptr<Decoder> begin(const std::string& codec) {
        std::unique_ptr<Decoder> decoder = open(codec);
        EXPECT_EQ(decoder->send(packet_of(clip[0], 0)), core::Feed::accepted);
        return decoder;
    }
};

TEST_F(NvdecBudget, CountsTheSurfacesOfDecodersInUse) {
    allow(3 * roomy_bytes);
    const auto first = begin("h264");
    EXPECT_EQ(budget_->used(), roomy_bytes);
    EXPECT_EQ(fake_.created.at(0).ulNumDecodeSurfaces + fake_.created.at(0).ulNumOutputSurfaces, 13U);
    auto second = begin("hevc");
    EXPECT_EQ(budget_->used(), 2 * roomy_bytes);
    second.reset();
    EXPECT_EQ(budget_->used(), roomy_bytes);
    EXPECT_EQ(fake_.decoders, 2);  // kept for the next
}

TEST_F(NvdecBudget, IdleDecodersAreDestroyedForOthers) {
    allow(2 * roomy_bytes);
    EXPECT_EQ(decode(*open("h264"), clip).size(), 3U);
    EXPECT_EQ(decode(*open("hevc"), clip).size(), 3U);
    EXPECT_EQ(fake_.decoders, 2);
    EXPECT_EQ(decode(*open("vp8"), clip).size(), 3U);  // in the place of the longest unused
    EXPECT_EQ(fake_.decoders, 2);
    EXPECT_EQ(decode(*open("hevc"), clip).size(), 3U);
    EXPECT_EQ(sessions_.counts().created, 3);
    EXPECT_EQ(sessions_.counts().reused, 1);
    EXPECT_EQ(budget_->used(), 0U);
}

TEST_F(NvdecBudget, WhatOneRunKeptDoesNotExceedTheNextOnesBudget) {
    EXPECT_EQ(decode(*open("h264"), clip).size(), 3U);
    EXPECT_EQ(decode(*open("hevc"), clip).size(), 3U);
    allow(exact_bytes);
    EXPECT_EQ(decode(*open("h264"), clip).size(), 3U);
    EXPECT_EQ(fake_.decoders, 1);
    EXPECT_EQ(fake_.created.back().ulMaxWidth, 64U);
}

TEST_F(NvdecBudget, WithoutRoomForLargerPicturesWhereThatDoesNotFit) {
    allow(roomy_bytes - 1);
    const auto decoder = begin("h264");
    EXPECT_EQ(fake_.created.at(0).ulMaxWidth, 64U);
    EXPECT_EQ(budget_->used(), exact_bytes);
}

TEST_F(NvdecBudget, SaysWhatDoesNotFit) {
    allow(roomy_bytes + exact_bytes - 1);
    auto first = begin("h264");
    EXPECT_THAT(
        message_of(core::ErrorCode::out_of_memory, [&] { (void)begin("hevc"); }),
        testing::AllOf(HasSubstr("cuda:3: a decoder for hevc 4:2:0 8-bit 64x48 takes 1 MiB for its 10 surfaces"),
                       HasSubstr("41 of the 41 MiB"), HasSubstr("--gpu-memory"), HasSubstr("--lanes")));
    EXPECT_EQ(budget_->used(), roomy_bytes);
    first.reset();
    EXPECT_EQ(decode(*open("hevc"), clip).size(), 3U);
    EXPECT_EQ(fake_.contexts, 0);
}

// Pictures of the former size wait in surfaces while the next size asks for some.
TEST_F(NvdecBudget, HoldsOneDecoderWhereASizeChangesMidway) {
    allow(std::size_t{256} * 64 * 3 / 2 * 13);  // 96x64
    const auto pictures = decode(
        *open(), {"seq 64 48 4;dec 0 1;show 0;", "dec 1 2;dec 2 3;show 1;show 2;", "seq 96 64 4;dec 0 4;show 0;"});
    ASSERT_EQ(pictures.size(), 4U);
    EXPECT_EQ(pictures[3].desc.width, 96);
    EXPECT_EQ(budget_->used(), 0U);
    EXPECT_EQ(fake_.decoders, 1);
}

TEST_F(NvdecBudget, WhatCouldNotBeMadeIsNotCounted) {
    allow(2 * roomy_bytes);
    fake_.fail_creations = 1;
    {
        const auto decoder = begin("h264");
        EXPECT_EQ(budget_->used(), exact_bytes);
    }
    fake_.fail_creations = 2;
    sessions_.clear();
    EXPECT_THAT(message_of(core::ErrorCode::failed, [&] { (void)begin("hevc"); }), HasSubstr("cuvidCreateDecoder"));
    EXPECT_EQ(budget_->used(), 0U);
}

TEST(NvdecSurfaceBytes, AreThoseOfTheRoomiestDecoder) {
    StreamInfo stream = stream_of("h264");
    const std::size_t most = 20 + 6 + 3;
    EXPECT_EQ(surface_bytes_on_gpu(stream), std::size_t{2048} * 1088 * 3 / 2 * most);
    stream.picture.width = 3840;
    stream.picture.height = 2160;
    EXPECT_EQ(surface_bytes_on_gpu(stream), std::size_t{4096} * 2304 * 3 / 2 * most);
    stream.codec = "hevc";
    stream.picture.format.depth = 10;
    EXPECT_EQ(surface_bytes_on_gpu(stream), std::size_t{8192} * 2304 * 3 / 2 * most);
    EXPECT_EQ(surface_bytes_on_gpu(stream_of("prores")), 0U);
}

}  // namespace

}  // namespace millrace::media::test
