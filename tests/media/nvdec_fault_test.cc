// Seeded nonsense of a parser: what it does then is anybody's guess, and the decoder must stand it.

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "core/error.h"
#include "media/nvdec_support.h"

namespace millrace::media::test {

namespace {

constexpr unsigned seeds = 300;

/// A few commands, mostly sound ones.
std::string packet_text(std::mt19937& random) {
    const auto pick = [&random](int least, int most) {
        return std::to_string(least + static_cast<int>(random() % static_cast<unsigned>(most - least + 1)));
    };
    std::string text;
    for (std::size_t commands = 1 + random() % 3; commands > 0; --commands) {
        switch (random() % 12) {
            case 0:
                text += "seq " + pick(16, 200) + " " + pick(16, 200) + " " + pick(0, 40) + " " + pick(0, 3) + " " +
                        (random() % 2 == 0 ? "8" : "10") + ";";
                break;
            case 1:
                text += "seq 64 48 4 1 8 " + pick(-4, 70) + " " + pick(-4, 50) + " " + pick(-4, 70) + " " +
                        pick(-4, 50) + ";";
                break;
            case 2:
                text += "bad;";
                break;
            case 3:
            case 4:
            case 5:
                text += "show " + pick(0, 12) + " " + pick(0, 1) + ";";
                break;
            default:
                text += "dec " + pick(0, 12) + " " + pick(-1, 30) + " " + pick(1, 9) + ";";
        }
    }
    return text;
}

class NvdecFaults : public Nvdec {};

TEST_F(NvdecFaults, EndInPicturesOrInAnErrorAndLeaveNothingBehind) {
    budget_ = std::make_shared<SurfaceBudget>(std::size_t{256} << 20U);
    const std::vector<std::string> sound{"seq 64 48 4;dec 0 1;show 0;", "dec 1 2;show 1;", "dec 2 3;show 2;"};
    std::size_t pictures = 0;
    std::size_t refusals = 0;
    for (unsigned seed = 0; seed < seeds; ++seed) {
        SCOPED_TRACE(seed);
        std::mt19937 random(seed);
        std::vector<std::string> packets{sound[0]};
        for (std::size_t count = 2 + random() % 20; count > 0; --count) packets.push_back(packet_text(random));
        try {
            pictures += decode(*open(seed % 3 == 0 ? "vp9" : "h264"), packets).size();
        } catch (const core::Error& error) {
            EXPECT_NE(std::string(error.what()), "");
            ++refusals;
        }
        ASSERT_EQ(fake_.contexts, 0);
        ASSERT_EQ(fake_.mapped, 0);
        ASSERT_EQ(fake_.parsers, 0);
        ASSERT_EQ(budget_->used(), 0U);
        ASSERT_EQ(pool_.usage().leased, 0U);
        const auto again = decode(*open(), sound);
        ASSERT_EQ(again.size(), 3U);
        for (std::size_t i = 0; i < again.size(); ++i) {
            const device::PlaneView& luma = again[i].planes[0];
            ASSERT_EQ(std::to_integer<int>(luma.data[0]), fake_sample(static_cast<int>(i) + 1, 0, 0, 0));
        }
    }
    EXPECT_GT(pictures, seeds);
    EXPECT_LT(refusals, seeds / 2);
}

}  // namespace

}  // namespace millrace::media::test
