// SPDX-License-Identifier: Apache-2.0
// What --input and --output name.
#include "build/path_pattern.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"

using namespace sandbox;

namespace {

PathPattern pattern(const char* text) {
    return PathPattern{"--input", text};
}

} // namespace

TEST(PathPatternTest, APlainPathNamesItselfAndWhatLiesInIt) {
    EXPECT_TRUE(pattern("src/a.c").matches("src/a.c"));
    EXPECT_FALSE(pattern("src").matches("src/a.c"));
    EXPECT_TRUE(pattern("src").covers("src/a.c"));
    EXPECT_FALSE(pattern("src").covers("src2/a.c"));
    EXPECT_FALSE(pattern("src/a.c").covers("src"));
    EXPECT_TRUE(pattern("./src//a.c/").matches("src/a.c"));
}

TEST(PathPatternTest, ADotIsEverything) {
    EXPECT_TRUE(pattern(".").covers("any/thing"));
    EXPECT_EQ(pattern(".").path(), "");
}

TEST(PathPatternTest, WildcardsStayInTheirComponent) {
    EXPECT_TRUE(pattern("src/*.c").matches("src/a.c"));
    EXPECT_FALSE(pattern("src/*.c").matches("src/sub/a.c"));
    EXPECT_FALSE(pattern("*").matches("a/b"));
    EXPECT_TRUE(pattern("*").covers("a/b"));
    EXPECT_TRUE(pattern("[ab]?").matches("bx"));
    EXPECT_FALSE(pattern("[ab]?").matches("cx"));
}

TEST(PathPatternTest, ALeadingDotIsMatchedByADotAlone) {
    EXPECT_FALSE(pattern("*").matches(".git"));
    EXPECT_TRUE(pattern(".*").matches(".git"));
    EXPECT_FALSE(pattern("**/config").matches(".git/config"));
}

TEST(PathPatternTest, TwoStarsAreAnyDirectories) {
    EXPECT_TRUE(pattern("**/*.h").matches("a.h"));
    EXPECT_TRUE(pattern("**/*.h").matches("a/b/c.h"));
    EXPECT_TRUE(pattern("a/**/z").matches("a/z"));
    EXPECT_TRUE(pattern("a/**/z").matches("a/b/c/z"));
    EXPECT_FALSE(pattern("a/**/z").matches("b/z"));
    EXPECT_TRUE(pattern("a/**").matches("a/b/c"));
    EXPECT_FALSE(pattern("a/**").matches("a"));
}

TEST(PathPatternTest, LeadsIntoDirectoriesThatMayHoldMore) {
    EXPECT_TRUE(pattern("src/*.c").leads_into("src"));
    EXPECT_FALSE(pattern("src/*.c").leads_into("lib"));
    EXPECT_FALSE(pattern("src/*.c").leads_into("src/sub"));
    EXPECT_TRUE(pattern("**/x").leads_into("a/b"));
    EXPECT_FALSE(pattern("**/x").leads_into(".git"));
    EXPECT_TRUE(pattern("src").leads_into("src/sub"));
}

TEST(PathPatternTest, ManyStarsTakeNoTime) {
    std::string text;
    std::string path;
    for (int i = 0; i < 14; ++i) {
        text += "**/a/";
        path += "a/";
    }
    EXPECT_FALSE(pattern((text + "b").c_str()).matches(path + "c"));
}

TEST(PathPatternTest, WhatLeadsOutIsRefused) {
    for (const char* text : {"", "/etc", "..", "a/../b", "a/.."}) {
        EXPECT_THROW((void)pattern(text), UsageError) << text;
    }
}

TEST(PatternOf, NamesThePathAndNothingElse) {
    for (const char* path : {"a", "src/a.c", "[ab].c", "a*", "what?", " lead", "tail ", "a b/c d", "**/x",
                             "[a]\\b", "\\", " "}) {
        const auto text = pattern_of(path);
        ASSERT_TRUE(text) << path;
        EXPECT_TRUE(pattern(text->c_str()).matches(path)) << *text;
        EXPECT_FALSE(text->starts_with(' ') || text->ends_with(' ')) << *text;
    }
    EXPECT_EQ(pattern_of("src/a b.c"), "src/a b.c");
    EXPECT_FALSE(pattern(pattern_of("[ab].c")->c_str()).matches("a.c"));
    EXPECT_FALSE(pattern(pattern_of("a*")->c_str()).matches("ab"));
    EXPECT_FALSE(pattern(pattern_of("**/x")->c_str()).matches("y/x"));
}

TEST(PatternOf, WhatNoLineCanHoldHasNone) {
    EXPECT_EQ(pattern_of("#c"), std::nullopt);
    EXPECT_EQ(pattern_of("new\nline"), std::nullopt);
    EXPECT_EQ(pattern_of("\x1b[2J"), std::nullopt);
}
