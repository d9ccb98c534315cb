#include "device/copy_ledger.h"

#include <gtest/gtest.h>
// After gtest.
#include <rapidcheck/gtest.h>

#include <map>
#include <thread>
#include <tuple>

namespace millrace::device {
namespace {

using enum CopyDirection;

struct Ledger : testing::Test {
    int asked = 0;
    bool answers = true;
    CopyLedger ledger{[this] {
        ++asked;
        return answers;
    }};
};

TEST_F(Ledger, NamesACopyByTheLineThatMadeIt) {
    ledger.called(7);
    EXPECT_EQ(asked, 1);
    ledger.named("enhance.py:42");
    ledger.done({7, 0, down, 1000, 5000, 7000});
    const auto lines = ledger.report();
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_EQ(lines[0].line, "enhance.py:42");
    EXPECT_EQ(lines[0].direction, down);
    EXPECT_EQ(lines[0].count, 1);
    EXPECT_EQ(lines[0].bytes, 1000U);
    EXPECT_DOUBLE_EQ(lines[0].seconds, 2e-6);
}

TEST_F(Ledger, AsksOnceForAllCallsOfOneLine) {
    for (std::uint32_t call = 1; call <= 3; ++call) ledger.called(call);
    EXPECT_EQ(asked, 1);
    ledger.named("a.py:1");
    ledger.called(4);
    EXPECT_EQ(asked, 2);
    ledger.named("a.py:2");
    for (std::uint32_t call = 1; call <= 4; ++call) ledger.done({call, 0, up, 10, 0, 1});
    const auto lines = ledger.report();
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_EQ(lines[0].line, "a.py:1");
    EXPECT_EQ(lines[0].count, 3);
    EXPECT_EQ(lines[0].bytes, 30U);
    EXPECT_EQ(lines[1].line, "a.py:2");
    EXPECT_EQ(lines[1].count, 1);
}

TEST_F(Ledger, AsksAgainWhereItCouldNotAsk) {
    answers = false;
    ledger.called(1);
    answers = true;
    ledger.called(2);
    EXPECT_EQ(asked, 2);
    ledger.named("a.py:3");
    for (const std::uint32_t call : {1U, 2U}) ledger.done({call, 0, up, 1, 0, 1});
    EXPECT_EQ(ledger.report().at(0).count, 2);
}

TEST_F(Ledger, RecordsMayOvertakeTheLine) {
    ledger.called(1);
    ledger.done({1, 0, up, 64, 10, 30});
    EXPECT_TRUE(ledger.report().empty());
    ledger.named("a.py:3");
    ASSERT_EQ(ledger.report().size(), 1U);
    EXPECT_EQ(ledger.report().at(0).bytes, 64U);
}

TEST_F(Ledger, FindsACallOfTheRuntimeToo) {
    ledger.called(10);
    ledger.called(11);
    ledger.done({12, 10, down, 3, 0, 1});
    ledger.named("a.py:3");
    ledger.done({11, 10, down, 4, 0, 1});
    ASSERT_EQ(ledger.report().size(), 1U);
    EXPECT_EQ(ledger.report().at(0).count, 2);
    EXPECT_EQ(ledger.report().at(0).bytes, 7U);
}

TEST_F(Ledger, DirectionsOfALineAreApartAndTheMostBytesComeFirst) {
    ledger.called(1);
    ledger.called(2);
    ledger.named("a.py:3");
    ledger.done({1, 0, up, 5, 0, 1});
    ledger.done({2, 0, down, 6, 0, 1});
    const auto lines = ledger.report();
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_EQ(lines[0].direction, down);
    EXPECT_EQ(lines[1].direction, up);
}

TEST_F(Ledger, CopiesOfTheEngineOnThatThreadAreNotAskedFor) {
    {
        const OwnCopies own;
        ledger.called(1);
    }
    EXPECT_EQ(asked, 0);
    ledger.called(2);
    EXPECT_EQ(asked, 1);
    ledger.named("a.py:1");
    ledger.done({1, 0, across, 10, 0, 1});
    ledger.done({2, 0, across, 20, 0, 1});
    const auto lines = ledger.report();
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_EQ(lines[0].bytes, 20U);
}

TEST_F(Ledger, CopiesOfOthersAreNobodys) {
    std::thread([this] { ledger.called(1); }).join();  // another thread's
    EXPECT_EQ(asked, 0);
    ledger.done({1, 0, up, 5, 0, 1});
    ledger.called(2);  // the engine's, on the script's thread
    ledger.done({2, 0, up, 5, 0, 1});
    ledger.named("");
    ledger.done({2, 0, up, 5, 0, 1});
    ledger.done({3, 0, up, 5, 0, 1});  // nobody's that is known
    ledger.called(4);
    ledger.named("a.py:9");  // a call without a record
    EXPECT_TRUE(ledger.report().empty());
}

// The oracle knows each call's line beforehand.
RC_GTEST_PROP(CopyLedger, SumsWhateverTheOrder, ()) {
    CopyLedger ledger([] { return true; });
    std::map<std::tuple<std::string, int>, std::tuple<std::int64_t, std::uint64_t>> expected;
    std::vector<CopyRecord> late;
    std::uint32_t call = 0;
    const int lines = *rc::gen::inRange(1, 30);
    for (int i = 0; i < lines; ++i) {
        const int number = *rc::gen::inRange(0, 4);  // 0: not in the script
        const std::string line = number == 0 ? "" : "x.py:" + std::to_string(number);
        const int calls = *rc::gen::inRange(1, 4);
        for (int j = 0; j < calls; ++j) {
            ledger.called(++call);
            const auto direction = static_cast<CopyDirection>(*rc::gen::inRange(0, 3));
            const CopyRecord record{call, 0, direction, *rc::gen::inRange<std::uint64_t>(0, 1000), 10, 20};
            if (number != 0) {
                auto& [count, bytes] = expected[{line, static_cast<int>(direction)}];
                ++count;
                bytes += record.bytes;
            }
            if (*rc::gen::arbitrary<bool>()) {
                ledger.done(record);
            } else {
                late.push_back(record);
            }
        }
        ledger.named(line);
    }
    for (const CopyRecord& record : late) ledger.done(record);
    std::size_t found = 0;
    for (const LineCopies& copies : ledger.report()) {
        const auto& [count, bytes] = expected.at({copies.line, static_cast<int>(copies.direction)});
        RC_ASSERT(copies.count == count);
        RC_ASSERT(copies.bytes == bytes);
        ++found;
    }
    RC_ASSERT(found == expected.size());
}

}  // namespace
}  // namespace millrace::device
