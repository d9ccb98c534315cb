#include "core/planes.h"

#include <gtest/gtest.h>

namespace millrace::core {
namespace {

PictureDesc yuv(int width, int height, int depth, int log2_w, int log2_h) {
    PictureDesc desc;
    desc.width = width;
    desc.height = height;
    desc.format.depth = static_cast<std::uint8_t>(depth);
    desc.format.log2_chroma_w = static_cast<std::uint8_t>(log2_w);
    desc.format.log2_chroma_h = static_cast<std::uint8_t>(log2_h);
    return desc;
}

TEST(Planes, LieOneAfterAnother) {
    EXPECT_EQ(planes_desc(yuv(96, 64, 8, 1, 1)), (TensorDesc{DType::uint8, {96, 96}}));
    EXPECT_EQ(planes_desc(yuv(98, 54, 10, 1, 1)), (TensorDesc{DType::uint16, {81, 98}}));
    EXPECT_EQ(planes_desc(yuv(96, 63, 8, 1, 0)), (TensorDesc{DType::uint8, {126, 96}}));
    EXPECT_EQ(planes_desc(yuv(97, 53, 12, 0, 0)), (TensorDesc{DType::uint16, {3, 53, 97}}));
    PictureDesc gray = yuv(97, 53, 8, 0, 0);
    gray.format.family = ColorFamily::gray;
    EXPECT_EQ(planes_desc(gray), (TensorDesc{DType::uint8, {53, 97}}));
}

TEST(Planes, AreTheSameInAnyPackingAndAlignment) {
    PictureDesc p010 = yuv(96, 64, 10, 1, 1);
    p010.format.packing = Packing::semi_planar;
    p010.format.alignment = Alignment::high;
    EXPECT_EQ(planes_desc(p010), planes_desc(yuv(96, 64, 10, 1, 1)));
    EXPECT_EQ(name(planar(p010.format)), "yuv420p10le");
}

TEST(Planes, OfOddSizesAndOfRgbThereAreNone) {
    EXPECT_EQ(why_no_planes(yuv(97, 64, 8, 1, 1)),
              "the video is 97x64 yuv420p, whose chroma planes fill no whole rows of a tensor; expected an even width "
              "and height, or declare rgb, bgr or luma");
    EXPECT_NE(why_no_planes(yuv(96, 63, 8, 1, 1)), "");
    EXPECT_EQ(why_no_planes(yuv(97, 63, 8, 1, 0)),
              "the video is 97x63 yuv422p, whose chroma planes fill no whole rows of a tensor; expected an even width, "
              "or declare rgb, bgr or luma");
    EXPECT_EQ(why_no_planes(yuv(96, 63, 8, 1, 0)), "");
    EXPECT_EQ(why_no_planes(yuv(97, 63, 8, 0, 0)), "");
    PictureDesc rgb = yuv(96, 64, 8, 0, 0);
    rgb.format.family = ColorFamily::rgb;
    EXPECT_EQ(why_no_planes(rgb), "the video is gbrp, which has no yuv planes; declare rgb or bgr");
}

}  // namespace
}  // namespace millrace::core
