// Division by a known number gives what division gives.

#include "infer/fused/divider.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace millrace::infer::fused {
namespace {

constexpr std::uint32_t most = (1U << 31U) - 1;

void expect_division(std::uint32_t number, std::uint32_t by) {
    const auto [quotient, remainder] = Divider(by).divide(number);
    ASSERT_EQ(quotient, number / by) << number << " / " << by;
    ASSERT_EQ(remainder, number % by) << number << " / " << by;
}

TEST(FusedDivider, DividesAtTheEdges) {
    for (const std::uint32_t by :
         {1U, 2U, 3U, 7U, 8U, 1920U, 65535U, 65536U, 65537U, (1U << 30U) + 1, most - 1, most}) {
        for (const std::uint32_t about : {0U, by, 2 * (by / 2), most / by * by, most}) {
            for (const std::uint32_t number : {about, about - 1, about + 1}) {
                if (number <= most) expect_division(number, by);
            }
        }
    }
}

RC_GTEST_PROP(FusedDivider, DividesAnything, ()) {
    const auto by = *rc::gen::inRange<std::uint32_t>(1, most);
    const auto number = *rc::gen::inRange<std::uint32_t>(0, most);
    const auto [quotient, remainder] = Divider(by).divide(number);
    RC_ASSERT(quotient == number / by);
    RC_ASSERT(remainder == number % by);
}

}  // namespace
}  // namespace millrace::infer::fused
