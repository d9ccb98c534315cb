#include "core/picture_desc.h"

#include <gtest/gtest.h>
// After gtest.
#include <rapidcheck/gtest.h>

#include "core/tensor_desc.h"

namespace millrace::core {
namespace {

PixelFormat yuv(int depth, int log2_w, int log2_h, Packing packing = Packing::planar) {
    PixelFormat format;
    format.depth = static_cast<std::uint8_t>(depth);
    format.log2_chroma_w = static_cast<std::uint8_t>(log2_w);
    format.log2_chroma_h = static_cast<std::uint8_t>(log2_h);
    format.packing = packing;
    return format;
}

PixelFormat other(ColorFamily family, int depth) {
    PixelFormat format = yuv(depth, 0, 0);
    format.family = family;
    return format;
}

TEST(PixelFormatName, IsFFmpegs) {
    EXPECT_EQ(name(yuv(8, 1, 1)), "yuv420p");
    EXPECT_EQ(name(yuv(8, 1, 0)), "yuv422p");
    EXPECT_EQ(name(yuv(8, 0, 0)), "yuv444p");
    EXPECT_EQ(name(yuv(10, 1, 1)), "yuv420p10le");
    EXPECT_EQ(name(yuv(12, 1, 0)), "yuv422p12le");
    EXPECT_EQ(name(yuv(8, 1, 1, Packing::semi_planar)), "nv12");
    EXPECT_EQ(name(yuv(8, 1, 0, Packing::semi_planar)), "nv16");
    EXPECT_EQ(name(yuv(8, 0, 0, Packing::semi_planar)), "nv24");
    EXPECT_EQ(name(yuv(10, 1, 1, Packing::semi_planar)), "p010le");
    EXPECT_EQ(name(yuv(12, 1, 0, Packing::semi_planar)), "p212le");
    EXPECT_EQ(name(yuv(10, 0, 0, Packing::semi_planar)), "p410le");
    EXPECT_EQ(name(other(ColorFamily::gray, 8)), "gray");
    EXPECT_EQ(name(other(ColorFamily::gray, 10)), "gray10le");
    EXPECT_EQ(name(other(ColorFamily::rgb, 8)), "gbrp");
    EXPECT_EQ(name(other(ColorFamily::rgb, 12)), "gbrp12le");
}

TEST(PixelFormat, CountsPlanesAndComponents) {
    EXPECT_EQ(yuv(8, 1, 1).plane_count(), 3);
    EXPECT_EQ(yuv(8, 1, 1, Packing::semi_planar).plane_count(), 2);
    EXPECT_EQ(yuv(8, 1, 1, Packing::semi_planar).component_count(), 3);
    EXPECT_EQ(other(ColorFamily::gray, 8).plane_count(), 1);
    EXPECT_EQ(other(ColorFamily::gray, 8).component_count(), 1);
    EXPECT_EQ(other(ColorFamily::rgb, 10).plane_count(), 3);
    EXPECT_EQ(yuv(8, 1, 1).bytes_per_sample(), 1);
    EXPECT_EQ(yuv(10, 1, 1).bytes_per_sample(), 2);
}

TEST(Planes, OddSizesKeepTheirLastColumnAndRow) {
    const PictureDesc desc{5, 3, yuv(8, 1, 1), {}};
    EXPECT_EQ(plane_samples(desc, 0), 5);
    EXPECT_EQ(plane_rows(desc, 0), 3);
    EXPECT_EQ(plane_samples(desc, 2), 3);
    EXPECT_EQ(plane_rows(desc, 2), 2);
    const PictureDesc pairs{5, 3, yuv(8, 1, 1, Packing::semi_planar), {}};
    EXPECT_EQ(plane_samples(pairs, 1), 6);
    EXPECT_EQ(plane_rows(pairs, 1), 2);
    const PictureDesc one{1, 1, yuv(8, 1, 1), {}};
    EXPECT_EQ(plane_samples(one, 1), 1);
    EXPECT_EQ(plane_rows(one, 1), 1);
}

RC_GTEST_PROP(Planes, CoverThePictureWithoutAWholeSampleToSpare, ()) {
    const int log2_w = *rc::gen::inRange(0, 2);
    const int log2_h = log2_w == 0 ? 0 : *rc::gen::inRange(0, 2);
    const auto packing = *rc::gen::element(Packing::planar, Packing::semi_planar);
    const PictureDesc desc{
        *rc::gen::inRange(1, 20000), *rc::gen::inRange(1, 20000), yuv(8, log2_w, log2_h, packing), {}};
    const int in_pair = packing == Packing::semi_planar ? 2 : 1;
    const int columns = plane_samples(desc, 1) / in_pair;
    RC_ASSERT(plane_samples(desc, 1) % in_pair == 0);
    RC_ASSERT(columns * (1 << log2_w) >= desc.width);
    RC_ASSERT((columns - 1) * (1 << log2_w) < desc.width);
    RC_ASSERT(plane_rows(desc, 1) * (1 << log2_h) >= desc.height);
    RC_ASSERT((plane_rows(desc, 1) - 1) * (1 << log2_h) < desc.height);
    RC_ASSERT(plane_samples(desc, 0) == desc.width);
    RC_ASSERT(plane_rows(desc, 0) == desc.height);
}

TEST(TensorDesc, CountsElementsAndBytes) {
    const TensorDesc desc{DType::float16, {2, 3, 4, 5}};
    EXPECT_EQ(desc.element_count(), 120);
    EXPECT_EQ(desc.byte_count(), 240U);
    EXPECT_EQ((TensorDesc{DType::int64, {}}).byte_count(), 8U);  // a scalar
    EXPECT_EQ((TensorDesc{DType::uint8, {3, 0}}).byte_count(), 0U);
    EXPECT_EQ(to_string({DType::float32, {1, 3, 360, 640}}), "float32 [1, 3, 360, 640]");
    EXPECT_STREQ(name(DType::int32), "int32");
}

}  // namespace
}  // namespace millrace::core
