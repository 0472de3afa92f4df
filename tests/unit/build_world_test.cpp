// SPDX-License-Identifier: Apache-2.0
// The two worlds of --check, and the files that say who is there.
#include "build/world.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "build/report.hpp"

using namespace sandbox;

TEST(WorldTest, EachVariationChangesItsOwnPart) {
    const World standard = standard_world("/build");
    const auto with = [](Variation variation) { return varied_world("/build", bit_of(variation), "xx_XX"); };
    EXPECT_NE(with(Variation::hostname).hostname, standard.hostname);
    EXPECT_EQ(with(Variation::hostname).user, standard.user);
    EXPECT_NE(with(Variation::user).user, standard.user);
    EXPECT_NE(with(Variation::user).uid, standard.uid);
    EXPECT_NE(with(Variation::user).gid, standard.gid);
    EXPECT_NE(with(Variation::umask).umask, standard.umask);
    EXPECT_EQ(with(Variation::locale).locale, "xx_XX");
    EXPECT_TRUE(with(Variation::locale).locale_for_all);
    EXPECT_NE(with(Variation::timezone).timezone, standard.timezone);
    EXPECT_TRUE(with(Variation::processors).one_processor);
    EXPECT_FALSE(with(Variation::environment).variables.empty());
    EXPECT_TRUE(with(Variation::addresses).fixed_addresses);
    EXPECT_TRUE(with(Variation::kernel).other_release);
    EXPECT_TRUE(with(Variation::order).reversed_order);
    EXPECT_NE(with(Variation::path).place, standard.place);
    EXPECT_EQ(with(Variation::time).place, standard.place);
}

TEST(WorldTest, WithoutAnotherLocaleItIsPosix) {
    EXPECT_EQ(varied_world("/build", all_variations, "").locale, "POSIX");
}

TEST(WorldTest, TheBuilderTakesTheNameAndNumberFromAnImage) {
    const World world = standard_world("/build");
    EXPECT_EQ(
        passwd_of(world, "root:x:0:0::/root:/bin/sh\nme:x:1000:1000::/home/me:/bin/sh\nbuilder:x:7:7::/:/\n"),
        "root:x:0:0::/root:/bin/sh\nbuilder:x:1000:1000::/homeless:/bin/sh\n");
    EXPECT_EQ(group_of(world, "root:x:0:\nme:x:1000:\n"), "root:x:0:\nbuilder:x:1000:\n");
    EXPECT_TRUE(passwd_of(world, "").starts_with("root:x:0:0:"));
}

TEST(BuildSpecTest, VariationsAreWords) {
    EXPECT_EQ(parse_variations("hostname,umask"), bit_of(Variation::hostname) | bit_of(Variation::umask));
    EXPECT_EQ(parse_variations("all"), all_variations);
    EXPECT_THROW((void)parse_variations("hostname,"), UsageError);
    EXPECT_THROW((void)parse_variations("moon"), UsageError);
}

TEST(BuildSpecTest, TheWorkspaceHasItsPlace) {
    EXPECT_EQ(parse_build_path("/build"), "/build");
    EXPECT_EQ(parse_build_path("/home/me//x/"), "/home/me/x");
    for (const char* path :
         {"", "build", "/", "/proc", "/proc/self", "/dev/shm", "/usr", "/a/../b", "/./a"}) {
        EXPECT_THROW((void)parse_build_path(path), UsageError) << path;
    }
}

TEST(BuildReportTest, IsJson) {
    BuildReport report;
    report.command = {"make", "all"};
    report.image = "host";
    report.exit_status = 2;
    report.error = "a \"quoted\" error";
    report.elapsed = std::chrono::milliseconds{1500};
    report.outputs = {{"a", "file", 0755, 3, "abc"}, {"l", "symlink", 0777, 1, ""}};
    report.reads_gap = "a gap";
    const std::string text = report_json(report);
    EXPECT_NE(text.find(R"("command":["make","all"])"), std::string::npos) << text;
    EXPECT_NE(text.find(R"("error":"a \"quoted\" error")"), std::string::npos);
    EXPECT_NE(text.find(R"("seconds":1.500000)"), std::string::npos);
    EXPECT_NE(text.find(R"({"path":"a","kind":"file","mode":"0755","size":3,"sha256":"abc"})"),
              std::string::npos);
    EXPECT_NE(text.find(R"({"path":"l","kind":"symlink"})"), std::string::npos);
    EXPECT_NE(text.find(R"("complete":false,"gap":"a gap")"), std::string::npos);
}
