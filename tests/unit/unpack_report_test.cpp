// SPDX-License-Identifier: Apache-2.0
// The report lines between sandbox-unpack and its parent.
#include <gtest/gtest.h>

#include <string>

#include "base/unpack_report.hpp"

namespace sandbox {
namespace {

const std::string digest = "sha256:" + std::string(64, 'a');

std::optional<UnpackReport> parsed(std::string line) {
    EXPECT_EQ(line.back(), '\n');
    line.pop_back();
    return parse_unpack_report(line);
}

TEST(UnpackReport, ProgressIsReadBack) {
    const auto report = parsed(format_unpack_report(UnpackProgress{1234567890123}));
    ASSERT_TRUE(report);
    EXPECT_EQ(std::get<UnpackProgress>(*report).archive_bytes, 1234567890123U);
}

TEST(UnpackReport, DoneIsReadBack) {
    const std::string line = format_unpack_report(UnpackDone{digest, 3, 2, 10240});
    EXPECT_EQ(line, "done\t" + digest + "\t3\t2\t10240\n");
    const auto report = parsed(line);
    ASSERT_TRUE(report);
    const auto& done = std::get<UnpackDone>(*report);
    EXPECT_EQ(done.digest, digest);
    EXPECT_EQ(done.entries, 3U);
    EXPECT_EQ(done.devices, 2U);
    EXPECT_EQ(done.unpacked_bytes, 10240U);
}

TEST(UnpackReport, TextsWithTabsNewlinesAndBackslashesAreReadBack) {
    const std::string line = format_unpack_report(UnpackFailure{"a\tb\\t\n", "why\\", ""});
    EXPECT_EQ(line, "error\ta\\tb\\\\t\\n\twhy\\\\\t\n");
    const auto report = parsed(line);
    ASSERT_TRUE(report);
    const auto& failure = std::get<UnpackFailure>(*report);
    EXPECT_EQ(failure.object, "a\tb\\t\n");
    EXPECT_EQ(failure.reason, "why\\");
    EXPECT_EQ(failure.hint, "");
}

TEST(UnpackReport, AHostileNameCannotMakeASecondLine) {
    const std::string line =
        format_unpack_report(UnpackFailure{"x\ndone\t" + digest + "\t1\t0\t1", "no", ""});
    EXPECT_EQ(line.find('\n'), line.size() - 1);
}

TEST(UnpackReport, LongTextsStayWithinALine) {
    const std::string longest(100000, '\n');
    const std::string line = format_unpack_report(UnpackFailure{longest, longest, longest});
    EXPECT_LE(line.size(), max_report_line);
    EXPECT_TRUE(parsed(line));
}

TEST(UnpackReport, AnythingElseIsRefused) {
    for (const std::string& line :
         {std::string{}, std::string{"progress"}, std::string{"progress\t"}, std::string{"progress\t-1"},
          std::string{"progress\t1\t2"}, std::string{"progress\t99999999999999999999"},
          std::string{"done\tsha256:abc\t1\t0\t1"}, "done\t" + digest + "\t1\t0",
          "done\tsha256:" + std::string(64, 'A') + "\t1\t0\t1", "done\t" + digest + "\t1\t0\t1\t",
          std::string{"error\ta\tb"}, std::string{"error\ta\t\tb"}, std::string{"error\ta\\x\tb\t"},
          std::string{"error\ta\\\tb\t"}, std::string{"progress\t1\nprogress\t2"}, std::string{"hello"},
          "error\t" + std::string(max_report_line, 'x') + "\tb\t"}) {
        EXPECT_FALSE(parse_unpack_report(line)) << line.substr(0, 80);
    }
}

} // namespace
} // namespace sandbox
