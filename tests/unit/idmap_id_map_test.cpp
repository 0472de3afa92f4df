// SPDX-License-Identifier: Apache-2.0
// Arithmetic on id maps.
#include "idmap/id_map.hpp"

#include <gtest/gtest.h>

namespace sandbox {
namespace {

bool overlaps(std::uint32_t a, std::uint32_t a_count, std::uint32_t b, std::uint32_t b_count) {
    return a < std::uint64_t{b} + b_count && b < std::uint64_t{a} + a_count;
}

/// What the kernel asks of a map: no id twice on either side, none beyond 2^32. user_namespaces(7).
void expect_writable(const IdMap& map) {
    EXPECT_FALSE(map.empty());
    for (std::size_t i = 0; i < map.size(); ++i) {
        EXPECT_GT(map[i].count, 0U);
        EXPECT_LE(std::uint64_t{map[i].inside} + map[i].count, UINT32_MAX);
        EXPECT_LE(std::uint64_t{map[i].outside} + map[i].count, UINT32_MAX);
        for (std::size_t j = 0; j < i; ++j) {
            EXPECT_FALSE(overlaps(map[i].inside, map[i].count, map[j].inside, map[j].count)) << map_text(map);
            EXPECT_FALSE(overlaps(map[i].outside, map[i].count, map[j].outside, map[j].count))
                << map_text(map);
        }
    }
}

TEST(IdMap, RootIsYouAndRangesFollow) {
    EXPECT_EQ(root_is_you(1000, {{100000, 65536}}), (IdMap{{0, 1000, 1}, {1, 100000, 65536}}));
    EXPECT_EQ(root_is_you(1000, {{300000, 10}, {100000, 20}}),
              (IdMap{{0, 1000, 1}, {1, 300000, 10}, {11, 100000, 20}}));
}

TEST(IdMap, WithoutRangesOnlyYouAreMapped) {
    EXPECT_EQ(root_is_you(1000, {}), (IdMap{{0, 1000, 1}}));
    EXPECT_EQ(keep_id(1000, {}), (IdMap{{1000, 1000, 1}}));
}

TEST(IdMap, KeepIdSplitsTheRangeAroundYou) {
    EXPECT_EQ(keep_id(1000, {{100000, 65536}}),
              (IdMap{{0, 100000, 1000}, {1000, 1000, 1}, {1001, 101000, 64536}}));
}

TEST(IdMap, KeepIdOfTheFirstIdSplitsNothing) {
    EXPECT_EQ(keep_id(0, {{100000, 65536}}), (IdMap{{0, 0, 1}, {1, 100000, 65536}}));
}

TEST(IdMap, KeepIdAboveAShortRangeLeavesAGap) {
    EXPECT_EQ(keep_id(1000, {{100000, 10}}), (IdMap{{0, 100000, 10}, {1000, 1000, 1}}));
}

TEST(IdMap, KeepIdWhoseRangeEndsJustBelowYou) {
    EXPECT_EQ(keep_id(1000, {{100000, 1000}, {300000, 5}}),
              (IdMap{{0, 100000, 1000}, {1000, 1000, 1}, {1001, 300000, 5}}));
}

TEST(IdMap, KeepIdSplitsTheRangeThatYouFallInto) {
    EXPECT_EQ(
        keep_id(1000, {{100000, 600}, {200000, 600}, {300000, 5}}),
        (IdMap{
            {0, 100000, 600}, {600, 200000, 400}, {1000, 1000, 1}, {1001, 200400, 200}, {1201, 300000, 5}}));
}

TEST(IdMap, MapsAreWritable) {
    for (const std::uint32_t own : {0U, 1U, 5U, 999U, 1000U, 65534U, 65536U, 2147483648U, 4294967294U}) {
        for (const std::vector<SubIdRange>& ranges :
             {std::vector<SubIdRange>{}, {{100000, 65536}}, {{100000, 1}, {200000, 1000}, {300000, 2}}}) {
            SCOPED_TRACE(own);
            expect_writable(root_is_you(own, ranges));
            expect_writable(keep_id(own, ranges));
        }
    }
}

// A range may hold the caller's own id: root's "root:0:65536", or a range given by hand. Mapped twice, the
// kernel refuses the whole map.
TEST(IdMap, AnOwnIdWithinTheRangesIsNotMappedTwice) {
    expect_writable(root_is_you(1000, {{1000, 65536}}));
    expect_writable(root_is_you(1000, {{500, 1000}}));
    expect_writable(keep_id(1000, {{500, 1000}}));
    expect_writable(keep_id(0, {{0, 65536}}));
}

TEST(IdMap, ARangeOfAlmostAllIdsDoesNotWrap) {
    expect_writable(root_is_you(0, {{1, 4294967294U}}));
    expect_writable(keep_id(0, {{1, 4294967294U}}));
}

TEST(IdMap, LinesLieWithinOneLineOfTheParent) {
    const IdMap parent = root_is_you(1000, {{100000, 1000}, {300000, 1000}});
    const IdMap map{{0, 1000, 1}, {1, 100500, 500}, {501, 300000, 10}};
    EXPECT_EQ(express_in(map, parent), (IdMap{{0, 0, 1}, {1, 501, 500}, {501, 1001, 10}}));
}

TEST(IdMap, ALineAcrossTwoOfTheParentIsSplit) {
    const IdMap parent{{0, 100000, 10}, {10, 100010, 20}};
    EXPECT_EQ(express_in({{5, 100005, 20}}, parent), (IdMap{{5, 5, 5}, {10, 10, 15}}));
}

TEST(IdMap, WhatTheParentDoesNotMapCannotBeExpressed) {
    const IdMap parent{{0, 100000, 10}};
    EXPECT_FALSE(express_in({{0, 99999, 1}}, parent));
    EXPECT_FALSE(express_in({{0, 100009, 2}}, parent));
    EXPECT_FALSE(express_in({{0, 100000, 1}}, {}));
    EXPECT_EQ(express_in({}, parent), IdMap{});
}

TEST(IdMap, AKeptIdIsExpressedInADomainOfTheSameRanges) {
    const std::vector<SubIdRange> ranges{{100000, 65536}};
    const auto map = express_in(keep_id(1000, ranges), root_is_you(1000, ranges));
    ASSERT_TRUE(map);
    EXPECT_EQ(*map, (IdMap{{0, 1, 1000}, {1000, 0, 1}, {1001, 1001, 64536}}));
}

TEST(IdMap, IdsAtTheTopEndAreExpressed) {
    const IdMap parent{{0, 0, 4294967295U}};
    EXPECT_EQ(express_in({{0, 4294967294U, 1}}, parent), (IdMap{{0, 4294967294U, 1}}));
    EXPECT_FALSE(express_in({{0, 4294967295U, 1}}, parent));
}

TEST(IdMap, InsideIdsAreFoundAtBothEndsOfALine) {
    const IdMap map{{0, 1000, 1}, {10, 100000, 5}};
    for (const std::uint32_t id : {0U, 10U, 14U}) {
        EXPECT_TRUE(maps_inside(map, id)) << id;
    }
    for (const std::uint32_t id : {1U, 9U, 15U, 1000U, 4294967295U}) {
        EXPECT_FALSE(maps_inside(map, id)) << id;
    }
}

TEST(IdMap, TextIsReadBack) {
    const IdMap map{{0, 1000, 1}, {1, 100000, 65536}};
    EXPECT_EQ(map_text(map), "0 1000 1\n1 100000 65536\n");
    EXPECT_EQ(parse_map(map_text(map)), map);
}

TEST(IdMap, TheKernelsBlanksAreNothing) {
    EXPECT_EQ(parse_map("         0          0 4294967295\n"), (IdMap{{0, 0, 4294967295U}}));
    EXPECT_EQ(parse_map(""), IdMap{});
}

TEST(IdMap, TextOfAnotherFormIsRefused) {
    for (const char* text : {"0 1\n", "0 1 2 3\n", "a b c\n", "-1 0 1\n", "0 0 4294967296\n", "0\t0\t1\n"}) {
        EXPECT_FALSE(parse_map(text)) << text;
    }
}

TEST(IdMaps, SingleMeansOneIdOfEachKind) {
    EXPECT_TRUE((IdMaps{{{0, 1000, 1}}, {{0, 1000, 1}}}).is_single());
    EXPECT_FALSE((IdMaps{{{0, 1000, 2}}, {{0, 1000, 1}}}).is_single());
    EXPECT_FALSE((IdMaps{{{0, 1000, 1}}, {{0, 1000, 1}, {1, 100000, 1}}}).is_single());
    EXPECT_FALSE(IdMaps{}.is_single());
}

} // namespace
} // namespace sandbox
