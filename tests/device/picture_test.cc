#include "device/picture.h"

#include <gtest/gtest.h>
// After gtest.
#include <rapidcheck/gtest.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <stop_token>

#include "device/tensor.h"

namespace millrace::device {
namespace {

constexpr std::size_t plenty = std::numeric_limits<std::size_t>::max() / 2;

BufferPool make_pool() { return {DeviceId{}, "pictures", plenty}; }

core::PictureDesc any_desc() {
    core::PictureDesc desc;
    desc.width = *rc::gen::inRange(1, 700);
    desc.height = *rc::gen::inRange(1, 50);
    desc.format.family = *rc::gen::element(core::ColorFamily::yuv, core::ColorFamily::gray, core::ColorFamily::rgb);
    desc.format.depth = *rc::gen::element<std::uint8_t>(8, 10, 12);
    const bool yuv = desc.format.family == core::ColorFamily::yuv;
    desc.format.log2_chroma_w = yuv ? *rc::gen::element<std::uint8_t>(0, 1) : std::uint8_t{0};
    desc.format.log2_chroma_h =
        desc.format.log2_chroma_w == 1 ? *rc::gen::element<std::uint8_t>(0, 1) : std::uint8_t{0};
    if (yuv) desc.format.packing = *rc::gen::element(core::Packing::planar, core::Packing::semi_planar);
    return desc;
}

std::size_t row_bytes(const core::PictureDesc& desc, int plane) {
    return static_cast<std::size_t>(core::plane_samples(desc, plane)) *
           static_cast<std::size_t>(desc.format.bytes_per_sample());
}

RC_GTEST_PROP(LeasePicture, RowsAreAlignedAndPlanesLieApartWithinTheBlock, ()) {
    const core::PictureDesc desc = any_desc();
    BufferPool pool = make_pool();
    const Picture picture = lease_picture(pool, desc);
    RC_ASSERT(picture.desc == desc);
    RC_ASSERT(pool.usage().leased == picture_bytes(desc));
    const std::byte* end = picture.planes[0].data + picture_bytes(desc);
    const std::byte* free_from = picture.planes[0].data;
    for (int plane = 0; plane < desc.format.plane_count(); ++plane) {
        const PlaneView view = picture.planes.at(static_cast<std::size_t>(plane));
        RC_ASSERT(reinterpret_cast<std::uintptr_t>(view.data) % 64 == 0U);  // NOLINT(*-reinterpret-cast)
        RC_ASSERT(view.pitch % 64 == 0);
        RC_ASSERT(static_cast<std::size_t>(view.pitch) >= row_bytes(desc, plane));
        RC_ASSERT(static_cast<std::size_t>(view.pitch) < row_bytes(desc, plane) + 64);
        RC_ASSERT(view.data >= free_from);
        // Writing every row must stay within the block: the address sanitizer watches.
        for (int row = 0; row < core::plane_rows(desc, plane); ++row) {
            std::memset(view.data + row * view.pitch, plane, row_bytes(desc, plane));
        }
        free_from = view.data + view.pitch * core::plane_rows(desc, plane);
        RC_ASSERT(free_from <= end);
    }
    RC_ASSERT(free_from == end);
    for (int plane = desc.format.plane_count(); plane < 3; ++plane) {
        RC_ASSERT(picture.planes.at(static_cast<std::size_t>(plane)).data == nullptr);
    }
}

TEST(LeasePicture, IsEmptyWhenStopped) {
    core::PictureDesc desc;
    desc.width = 64;
    desc.height = 64;
    BufferPool pool(DeviceId{}, "one picture", picture_bytes(desc));
    const Picture held = lease_picture(pool, desc);
    std::stop_source stop;
    stop.request_stop();
    const Picture none = lease_picture(pool, desc, stop.get_token());
    EXPECT_FALSE(static_cast<bool>(none));
    EXPECT_TRUE(static_cast<bool>(held));
}

TEST(Picture, ShareIsASecondLeaseOnTheSameMemory) {
    core::PictureDesc desc;
    desc.width = 16;
    desc.height = 8;
    BufferPool pool = make_pool();
    Picture picture = lease_picture(pool, desc);
    picture.pts = 3003;
    picture.duration = 1001;
    picture.flags.corrupt = true;
    Picture other = picture.share();
    EXPECT_EQ(other.planes[1].data, picture.planes[1].data);
    EXPECT_EQ(other.planes[2].pitch, picture.planes[2].pitch);
    EXPECT_EQ(other.desc, desc);
    EXPECT_EQ(other.pts, 3003);
    EXPECT_EQ(other.duration, 1001);
    EXPECT_TRUE(other.flags.corrupt);
    picture = {};
    EXPECT_GT(pool.usage().leased, 0U);
    other = {};
    EXPECT_EQ(pool.usage().leased, 0U);
}

TEST(Tensor, AtIsAnEntryOfTheSameMemory) {
    BufferPool pool = make_pool();
    Tensor batch = lease_tensor(pool, {core::DType::float32, {3, 2, 4, 5}});
    EXPECT_EQ(pool.usage().leased, 3U * 2 * 4 * 5 * 4);
    const Tensor entry = batch.at(2);
    EXPECT_EQ(entry.desc, (core::TensorDesc{core::DType::float32, {2, 4, 5}}));
    EXPECT_EQ(entry.data, batch.data + std::ptrdiff_t{2} * 2 * 4 * 5 * 4);
    const Tensor row = entry.at(1).at(3);
    EXPECT_EQ(row.desc, (core::TensorDesc{core::DType::float32, {5}}));
    EXPECT_EQ(row.as<float>(), batch.as<float>() + std::ptrdiff_t{(2 * 2 + 1) * 4 + 3} * 5);
    batch = {};
    EXPECT_GT(pool.usage().leased, 0U);  // the entries hold it
}

TEST(Tensor, LeaseIsEmptyWhenStopped) {
    BufferPool pool(DeviceId{}, "one tensor", 16);
    const Tensor held = lease_tensor(pool, {core::DType::uint8, {16}});
    std::stop_source stop;
    stop.request_stop();
    EXPECT_FALSE(static_cast<bool>(lease_tensor(pool, {core::DType::uint8, {16}}, stop.get_token())));
    EXPECT_EQ(held.share().data, held.data);
}

}  // namespace
}  // namespace millrace::device
