// SPDX-License-Identifier: Apache-2.0
// Numbers, sizes, durations and fields as users write them.
#include <gtest/gtest.h>

#include "base/text.hpp"

namespace sandbox {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

TEST(Number, IsDecimalDigitsOnly) {
    EXPECT_EQ(parse_number("0"), 0U);
    EXPECT_EQ(parse_number("007"), 7U);
    for (const char* text : {"", " 1", "1 ", "+1", "-1", "-0", "0x10", "1e3", "1.0", "1,000", "one"}) {
        EXPECT_FALSE(parse_number(text)) << text;
    }
    EXPECT_FALSE(parse_number({}));
}

TEST(Number, LargestIsTakenAndOneMoreIsNot) {
    EXPECT_EQ(parse_number("18446744073709551615"), UINT64_MAX);
    EXPECT_FALSE(parse_number("18446744073709551616"));
    EXPECT_EQ(parse_number("4294967295", UINT32_MAX), UINT32_MAX);
    EXPECT_FALSE(parse_number("4294967296", UINT32_MAX));
}

TEST(SignedNumber, MayBeNegative) {
    EXPECT_EQ(parse_signed("-9223372036854775808"), INT64_MIN);
    EXPECT_EQ(parse_signed("9223372036854775807"), INT64_MAX);
    for (const char* text : {"", "-", "--1", "+1", "- 1", "9223372036854775808"}) {
        EXPECT_FALSE(parse_signed(text)) << text;
    }
}

TEST(Mode, IsOctalUpTo7777) {
    EXPECT_EQ(parse_mode("1777"), 01777U);
    EXPECT_EQ(parse_mode("0755"), 0755U);
    for (const char* text : {"", "8", "10000", "-1", "rwx", "0o7"}) {
        EXPECT_FALSE(parse_mode(text)) << text;
    }
}

TEST(Size, SuffixesArePowersOf1024InEitherCase) {
    EXPECT_EQ(parse_size("10"), 10U);
    EXPECT_EQ(parse_size("10b"), 10U);
    EXPECT_EQ(parse_size("10k"), 10U << 10);
    EXPECT_EQ(parse_size("10K"), 10U << 10);
    EXPECT_EQ(parse_size("64m"), 64U << 20);
    EXPECT_EQ(parse_size("2G"), std::uint64_t{2} << 30);
    EXPECT_EQ(parse_size("1t"), std::uint64_t{1} << 40);
}

TEST(Size, OverflowIsRefusedNotWrapped) {
    EXPECT_EQ(parse_size("16777215t"), std::uint64_t{16777215} << 40);
    EXPECT_FALSE(parse_size("16777216t"));
    EXPECT_FALSE(parse_size("18446744073709551616"));
    EXPECT_FALSE(parse_size("18014398509481984k"));
}

TEST(Size, AnythingElseIsRefused) {
    for (const char* text : {"", "k", "-1k", "1kb", "1.5g", "1 k", "k1", "1x", "m64"}) {
        EXPECT_FALSE(parse_size(text)) << text;
    }
}

TEST(Duration, UnitsAreThoseOfTimeout) {
    EXPECT_EQ(parse_duration("90"), seconds{90});
    EXPECT_EQ(parse_duration("90s"), seconds{90});
    EXPECT_EQ(parse_duration("2m"), seconds{120});
    EXPECT_EQ(parse_duration("1h"), seconds{3600});
    EXPECT_EQ(parse_duration("1d"), seconds{86400});
    EXPECT_EQ(parse_duration("0"), seconds{0});
}

TEST(Duration, FractionsAreKept) {
    EXPECT_EQ(parse_duration("0.5"), nanoseconds{500'000'000});
    EXPECT_EQ(parse_duration(".25s"), nanoseconds{250'000'000});
    EXPECT_EQ(parse_duration("1.5m"), seconds{90});
    EXPECT_EQ(parse_duration("0.000000001"), nanoseconds{1});
}

TEST(Duration, NegativeEmptyAndUnendingOnesAreRefused) {
    for (const char* text : {"", "s", "-1", "-0.5s", "-0", "inf", "nan", "infinity", "1e3", "0x1p3", "1 s",
                             "1ms", "1m30s", "+1", "1,5", ".", "soon"}) {
        EXPECT_FALSE(parse_duration(text)) << text;
    }
}

TEST(Duration, BeyondACenturyIsRefusedNotWrapped) {
    EXPECT_TRUE(parse_duration("36500d"));
    EXPECT_FALSE(parse_duration("40000d"));
    EXPECT_FALSE(parse_duration("9223372037"));
    EXPECT_FALSE(parse_duration(std::string(400, '9')));
}

TEST(Duration, OneThatIsNotZeroNeverBecomesZero) {
    // A zero would mean "no time limit", as in timeout(1).
    const auto shortest = parse_duration("0.0000000001");
    EXPECT_TRUE(!shortest || shortest->count() > 0);
}

TEST(Split, KeepsEmptyFields) {
    using Fields = std::vector<std::string_view>;
    EXPECT_EQ(split("a::b", ':'), (Fields{"a", "", "b"}));
    EXPECT_EQ(split("", ':'), (Fields{""}));
    EXPECT_EQ(split(":", ':'), (Fields{"", ""}));
}

TEST(Trim, TakesBlanksFromBothEndsOnly) {
    EXPECT_EQ(trim(" \t a b\r\n"), "a b");
    EXPECT_EQ(trim(" \t\r\n"), "");
    EXPECT_EQ(trim(""), "");
}

TEST(Printable, ControlBytesAreSpelledOut) {
    EXPECT_EQ(printable("a\x1b[31m\n\t\x7f"), "a\\x1b[31m\\x0a\\x09\\x7f");
    EXPECT_EQ(printable(std::string_view{"\0", 1}), "\\x00");
}

TEST(Printable, LettersOfOtherScriptsStay) {
    EXPECT_EQ(printable("Übung/日本語"), "Übung/日本語");
}

// xterm and others take U+009B as "ESC [" and U+009D as "ESC ]": ECMA-48, C1 in UTF-8.
TEST(Printable, C1ControlsAreSpelledOut) {
    EXPECT_EQ(printable("a\xc2\x9b"
                        "31m")
                  .find('\x9b'),
              std::string::npos);
}

} // namespace
} // namespace sandbox
