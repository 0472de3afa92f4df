// SPDX-License-Identifier: Apache-2.0
// Which ids a user namespace has.
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "unpack/id_map.hpp"

namespace sandbox::unpack {
namespace {

TEST(UnpackIdMap, OneIdIsASingleMap) {
    const IdMaps maps{IdMap::parse("         0       1000          1\n"),
                      IdMap::parse("         0       1000          1\n")};
    EXPECT_TRUE(maps.single());
    EXPECT_TRUE(maps.users.contains(0));
    EXPECT_FALSE(maps.users.contains(1));
}

TEST(UnpackIdMap, ARangeOfOneKindOnlyCannotKeepOwners) {
    EXPECT_TRUE((IdMaps{IdMap::parse("0 1000 1\n1 100000 65535\n"), IdMap::parse("0 1000 1\n")}).single());
}

TEST(UnpackIdMap, RangesEndWhereTheySay) {
    const IdMap map = IdMap::parse("0 1000 1\n1 100000 65535\n100000 300000 10\n");
    EXPECT_EQ(map.size(), 65546U);
    EXPECT_TRUE(map.contains(65535));
    EXPECT_FALSE(map.contains(65536));
    EXPECT_TRUE(map.contains(100009));
    EXPECT_FALSE(map.contains(100010));
}

TEST(UnpackIdMap, NegativeAndHugeIdsAreOutside) {
    const IdMap map = IdMap::parse("0 0 4294967295\n");
    EXPECT_TRUE(map.contains(4294967294));
    EXPECT_FALSE(map.contains(4294967295));
    EXPECT_FALSE(map.contains(4294967296));
    EXPECT_FALSE(map.contains(-1));
    EXPECT_FALSE(map.contains(INT64_MIN));
    EXPECT_FALSE(map.contains(INT64_MAX));
}

TEST(UnpackIdMap, AnythingElseIsRefused) {
    EXPECT_THROW(IdMap::parse("0 1"), Error);
    EXPECT_THROW(IdMap::parse("0 1 2 3"), Error);
    EXPECT_THROW(IdMap::parse("a b c"), Error);
}

} // namespace
} // namespace sandbox::unpack
