// SPDX-License-Identifier: Apache-2.0
// The JSON printer: commas, escapes, and text that is not UTF-8.
#include <gtest/gtest.h>

#include "base/json.hpp"

namespace sandbox {
namespace {

TEST(Json, CommasStandBetweenItemsOnly) {
    JsonWriter json;
    json.begin_object().key("a").value(std::uint64_t{1}).key("b").begin_array();
    json.value("x").value(true).begin_object().end_object().begin_array().end_array();
    json.end_array().key("c").value(false).end_object();
    EXPECT_EQ(json.text(), R"({"a":1,"b":["x",true,{},[]],"c":false})");
}

TEST(Json, NumbersReachTheirLimits) {
    JsonWriter json;
    json.begin_array().value(UINT64_MAX).value(INT64_MIN).end_array();
    EXPECT_EQ(json.text(), "[18446744073709551615,-9223372036854775808]");
}

TEST(Json, DurationsAreSecondsWithMicroseconds) {
    using std::chrono::microseconds;
    JsonWriter json;
    json.begin_array().value(microseconds{0}).value(microseconds{61'000'042}).value(microseconds{-5});
    EXPECT_EQ(json.end_array().text(), "[0.000000,61.000042,0.000000]");
}

TEST(Json, QuotesBackslashesAndControlsAreEscaped) {
    JsonWriter json;
    json.value(std::string_view{"\"\\\n\x1b\0", 5});
    EXPECT_EQ(json.text(), R"("\"\\\u000a\u001b\u0000")");
}

TEST(Json, KeysAreEscapedToo) {
    JsonWriter json;
    json.begin_object().key("a\"b").value("").end_object();
    EXPECT_EQ(json.text(), R"({"a\"b":""})");
}

TEST(Json, Utf8Stays) {
    JsonWriter json;
    json.value("Übung 日本語 \xf0\x9f\x8e\x89");
    EXPECT_EQ(json.text(), "\"Übung 日本語 \xf0\x9f\x8e\x89\"");
}

// RFC 8259, 8.1: JSON text is UTF-8. File names are any bytes.
TEST(Json, BytesThatAreNotUtf8DoNotGetThrough) {
    for (const char* bytes :
         {"\xff", "a\x80z", "\xc3", "\xc3(", "\xe2\x82", "\xed\xa0\x80", "\xc0\xaf", "\xf5\x80\x80\x80"}) {
        JsonWriter json;
        json.value(bytes);
        EXPECT_EQ(json.text().find(bytes), std::string::npos);
    }
}

} // namespace
} // namespace sandbox
