#include "core/color.h"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>

namespace millrace::core {
namespace {

struct Rule {
    const char* what = "";
    ColorDescription declared;
    ColorContext context;
    ColorDescription resolved;
};

constexpr ColorDescription nothing{};

ColorDescription described(Matrix matrix, Range range, ChromaSiting siting) { return {matrix, range, 2, 2, siting}; }

TEST(ResolveColor, FillsGapsByTheRule) {
    const auto hd = described(Matrix::bt709, Range::limited, ChromaSiting::left);
    const auto sd = described(Matrix::smpte170m, Range::limited, ChromaSiting::left);
    const std::array rules{
        Rule{"720 lines", nothing, {.height = 720}, hd},
        Rule{"719 lines", nothing, {.height = 719}, sd},
        Rule{"2160 lines", nothing, {.height = 2160}, hd},
        Rule{"1 line", nothing, {.height = 1}, sd},
        Rule{"MPEG-1",
             nothing,
             {.height = 240, .centered_chroma = true},
             described(Matrix::smpte170m, Range::limited, ChromaSiting::center)},
        Rule{"JPEG",
             nothing,
             {.height = 1080, .centered_chroma = true, .full_range = true},
             described(Matrix::bt709, Range::full, ChromaSiting::center)},
        Rule{"RGB",
             nothing,
             {.height = 1080, .rgb = true},
             described(Matrix::identity, Range::full, ChromaSiting::left)},
    };
    for (const Rule& rule : rules) {
        const ResolvedColor color = resolve_color(rule.declared, rule.context);
        EXPECT_EQ(color.value, rule.resolved) << rule.what;
        EXPECT_EQ(color.matrix_from, ColorOrigin::rule) << rule.what;
        EXPECT_EQ(color.range_from, ColorOrigin::rule) << rule.what;
        EXPECT_EQ(color.siting_from, ColorOrigin::rule) << rule.what;
    }
}

TEST(ResolveColor, WhatTheStreamSaysStays) {
    const ColorDescription declared{Matrix::bt2020_ncl, Range::full, 9, 16, ChromaSiting::top_left};
    for (const int height : {480, 1080}) {
        const ResolvedColor color = resolve_color(declared, {.height = height, .centered_chroma = true});
        EXPECT_EQ(color.value, declared);
        for (const ColorOrigin origin :
             {color.matrix_from, color.range_from, color.siting_from, color.primaries_from, color.transfer_from}) {
            EXPECT_EQ(origin, ColorOrigin::stream);
        }
    }
}

TEST(ResolveColor, EachGapIsFilledAlone) {
    const ResolvedColor color =
        resolve_color({Matrix::unspecified, Range::full, 2, 16, ChromaSiting::unspecified}, {.height = 480});
    EXPECT_EQ(color.value, (ColorDescription{Matrix::smpte170m, Range::full, 2, 16, ChromaSiting::left}));
    EXPECT_EQ(color.matrix_from, ColorOrigin::rule);
    EXPECT_EQ(color.range_from, ColorOrigin::stream);
    EXPECT_EQ(color.siting_from, ColorOrigin::rule);
    EXPECT_EQ(color.primaries_from, ColorOrigin::rule);
    EXPECT_EQ(color.transfer_from, ColorOrigin::stream);
}

TEST(Matrices, ConvertibleOnesHaveTheWeightsOfH273) {
    // H.273 table 4, by value: Kr and Kb.
    struct Row {
        int code;
        double kr;
        double kb;
    };
    constexpr std::array rows{Row{1, 0.2126, 0.0722}, Row{4, 0.30, 0.11},   Row{5, 0.299, 0.114},
                              Row{6, 0.299, 0.114},   Row{7, 0.212, 0.087}, Row{9, 0.2627, 0.0593}};
    for (const Row& row : rows) {
        const auto matrix = static_cast<Matrix>(row.code);
        EXPECT_TRUE(is_convertible(matrix)) << row.code;
        EXPECT_DOUBLE_EQ(luma_weights(matrix).kr, row.kr) << row.code;
        EXPECT_DOUBLE_EQ(luma_weights(matrix).kb, row.kb) << row.code;
    }
    EXPECT_TRUE(is_convertible(Matrix::identity));
    for (const int code : {2, 8, 10, 14}) EXPECT_FALSE(is_convertible(static_cast<Matrix>(code))) << code;
}

TEST(ColorNames, AreFFmpegsAndDistinct) {
    EXPECT_STREQ(name(Matrix::bt2020_ncl), "bt2020nc");
    EXPECT_STREQ(name(Matrix::bt470bg), "bt470bg");
    EXPECT_STREQ(name(ChromaSiting::top_left), "topleft");
    EXPECT_STREQ(name(Range::limited), "limited");
    EXPECT_STREQ(name(ColorOrigin::user), "user");
    EXPECT_EQ(primaries_name(9), "bt2020");
    EXPECT_EQ(transfer_name(16), "smpte2084");
    EXPECT_EQ(transfer_name(18), "arib-std-b67");
    std::set<std::string> names;
    for (const int code : {0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 14}) names.insert(name(static_cast<Matrix>(code)));
    EXPECT_EQ(names.size(), 11U);
}

TEST(ColorNames, UnknownCodesAreTheirNumbers) {
    EXPECT_EQ(primaries_name(200), "200");
    EXPECT_EQ(transfer_name(3), "3");
}

}  // namespace
}  // namespace millrace::core
