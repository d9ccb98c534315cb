#include "core/json_integer.h"

#include <gtest/gtest.h>

#include <limits>

namespace millrace::core {
namespace {

using nlohmann::json;

TEST(JsonInteger, TakesWhatTheTypeHolds) {
    EXPECT_EQ(json_integer<int>(json::parse("-2147483648")), std::numeric_limits<int>::min());
    EXPECT_EQ(json_integer<std::int64_t>(json::parse("9223372036854775807")), std::numeric_limits<std::int64_t>::max());
    EXPECT_EQ(json_integer<std::uint64_t>(json::parse("18446744073709551615")),
              std::numeric_limits<std::uint64_t>::max());
}

TEST(JsonInteger, RefusesWhatItDoesNot) {
    EXPECT_EQ(json_integer<int>(json::parse("2147483648")), std::nullopt);
    EXPECT_EQ(json_integer<std::int64_t>(json::parse("9223372036854775808")), std::nullopt);
    EXPECT_EQ(json_integer<std::uint64_t>(json::parse("-1")), std::nullopt);
    EXPECT_EQ(json_integer<std::int64_t>(json::parse("3.3e24")), std::nullopt);
}

TEST(JsonInteger, RefusesWhatIsNoInteger) {
    for (const char* text : {"1.0", "true", "null", "\"1\"", "[1]", "{}"}) {
        EXPECT_EQ(json_integer<int>(json::parse(text)), std::nullopt) << text;
    }
}

}  // namespace
}  // namespace millrace::core
