// SPDX-License-Identifier: Apache-2.0
// Whose subordinate ids are whose: subuid(5) and getsubids(1).
#include "idmap/subid.hpp"

#include <gtest/gtest.h>

namespace sandbox {
namespace {

using Ranges = std::vector<SubIdRange>;

TEST(SubIdFile, LinesAreFoundByNameAndByNumber) {
    const char* text = "alice:100000:65536\nbob:165536:65536\n1000:300000:10\n";
    EXPECT_EQ(parse_subid_file(text, "alice", 1000), (Ranges{{100000, 65536}, {300000, 10}}));
    EXPECT_EQ(parse_subid_file(text, "bob", 1001), (Ranges{{165536, 65536}}));
    EXPECT_EQ(parse_subid_file(text, "carol", 1002), Ranges{});
}

TEST(SubIdFile, NamesAreComparedWhole) {
    EXPECT_EQ(parse_subid_file("al:1:2\nalice2:3:4\n", "alice", 1000), Ranges{});
    EXPECT_EQ(parse_subid_file("100:1000:2\n10000:3000:4\n", "alice", 1000), Ranges{});
}

TEST(SubIdFile, TheLastLineNeedsNoNewline) {
    EXPECT_EQ(parse_subid_file("alice:100000:65536", "alice", 1000), (Ranges{{100000, 65536}}));
}

TEST(SubIdFile, MalformedLinesArePassedOver) {
    const char* text =
        "alice\nalice:\nalice:1\nalice:1:\nalice::1\nalice:a:1\nalice:1:-1\nalice:1:2:3\n"
        "alice:0x10:1\nalice: 1:2\n:5:6\n\n# alice:7:8\nalice:100000:65536\n";
    EXPECT_EQ(parse_subid_file(text, "alice", 1000), (Ranges{{100000, 65536}}));
}

TEST(SubIdFile, AnEmptyRangeIsPassedOver) {
    EXPECT_EQ(parse_subid_file("alice:100000:0\n", "alice", 1000), Ranges{});
}

TEST(SubIdFile, ALineWithoutNameBelongsToNobody) {
    EXPECT_EQ(parse_subid_file(":100000:65536\n", "", 1000), Ranges{});
}

TEST(SubIdFile, OverlappingRangesArePassedOver) {
    EXPECT_EQ(parse_subid_file(
                  "a:100:100\na:150:10\na:199:5\na:90:11\na:50:500\na:100:100\na:200:5\na:90:10\n", "a", 1),
              (Ranges{{100, 100}, {200, 5}, {90, 10}}));
}

TEST(SubIdFile, RangesThatWrapPast32BitsArePassedOver) {
    EXPECT_EQ(parse_subid_file("a:4294967295:1\na:4294967290:10\na:4294967296:1\na:1:4294967295\n"
                               "a:1:4294967296\na:99999999999999999999:1\n",
                               "a", 1),
              Ranges{});
    EXPECT_EQ(parse_subid_file("a:4294967290:5\n", "a", 1), (Ranges{{4294967290U, 5}}));
}

TEST(SubIdFile, IdsAbove31BitsAreTaken) {
    EXPECT_EQ(parse_subid_file("a:2147483648:65536\n", "a", 1), (Ranges{{2147483648U, 65536}}));
}

TEST(GetSubIds, LinesAreNumberedRanges) {
    EXPECT_EQ(parse_getsubids("0: alice 100000 65536\n1: alice 300000 10\n"),
              (Ranges{{100000, 65536}, {300000, 10}}));
}

TEST(GetSubIds, AnythingElseIsPassedOver) {
    EXPECT_EQ(parse_getsubids("Error fetching ranges\n\n0: alice x 1\n0: alice 1\n0: a 1 2 3\n"), Ranges{});
}

TEST(SubIds, AreUsableWithBothKindsOnly) {
    EXPECT_TRUE((SubIds{{{1, 1}}, {{1, 1}}}).usable());
    EXPECT_FALSE((SubIds{{{1, 1}}, {}}).usable());
    EXPECT_FALSE((SubIds{{}, {{1, 1}}}).usable());
}

} // namespace
} // namespace sandbox
