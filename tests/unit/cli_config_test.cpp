// SPDX-License-Identifier: Apache-2.0
// Configuration files: which are read, who wins, and how their mistakes are named.
#include "cli/cli.hpp"
#include "support.hpp"

namespace sandbox {
namespace {

using test::refuses;
using test::TemporaryDirectory;

class Config : public ::testing::Test {
  protected:
    /// @param user,file contents of the user's defaults and of --config; nullptr: there is none
    Invocation parse(const char* user, const char* file, std::vector<std::string> options = {}) {
        std::vector<std::string> words{"run"};
        if (user != nullptr) {
            directory_.make_file("user.conf", user);
        }
        if (file != nullptr) {
            directory_.make_file("file.conf", file);
            words.insert(words.end(), {"--config", path("file.conf")});
        }
        words.insert(words.end(), options.begin(), options.end());
        words.insert(words.end(), {"img", "cmd"});
        return parse_invocation(words, {"/here"}, path("user.conf"));
    }
    [[nodiscard]] std::string path(const std::string& name) const { return directory_.path() + "/" + name; }

  private:
    TemporaryDirectory directory_;
};

TEST_F(Config, TheUsersDefaultsAreRead) {
    EXPECT_EQ(parse("hostname = user\n", nullptr).spec.sandbox.hostname, "user");
}

TEST_F(Config, AFileWinsOverTheUsersDefaults) {
    EXPECT_EQ(parse("hostname = user\n", "hostname = file\n").spec.sandbox.hostname, "file");
}

TEST_F(Config, TheCommandLineWinsOverBoth) {
    EXPECT_EQ(parse("hostname = user\n", "hostname = file\n", {"-h", "line"}).spec.sandbox.hostname, "line");
}

TEST_F(Config, WhatMayBeGivenSeveralTimesAddsUp) {
    const auto mounts =
        parse("volume = /a:/a\nvolume = /b:/b\n", "volume = /c:/c\n", {"-v", "/d:/d"}).spec.sandbox.mounts;
    ASSERT_EQ(mounts.size(), 4U);
    const char* const order[] = {"/a", "/b", "/c", "/d"};
    for (std::size_t i = 0; i < mounts.size(); ++i) {
        EXPECT_EQ(std::get<BindMount>(mounts[i]).target, order[i]);
    }
}

TEST_F(Config, OptionsOfOneFileKeepTheirOrder) {
    const auto invocation = parse(nullptr, "tty = true\nno-tty = true\n");
    EXPECT_EQ(invocation.spec.process.tty, TtyUse::no);
}

TEST_F(Config, ASwitchIsTrueOrFalse) {
    EXPECT_TRUE(parse("read-only = true\n", nullptr).spec.sandbox.read_only);
}

TEST_F(Config, ASwitchOfTheUsersDefaultsCanBeTakenBack) {
    EXPECT_FALSE(parse("read-only = true\n", nullptr, {"--read-only=false"}).spec.sandbox.read_only);
}

TEST_F(Config, CommentsAndBlankLinesAreNothing) {
    EXPECT_EQ(parse("# comment\n\nhostname = a # rest\n", nullptr).spec.sandbox.hostname, "a");
}

TEST_F(Config, NoUserDefaultsIsNoError) {
    EXPECT_EQ(parse(nullptr, nullptr).spec.sandbox.hostname, "sandbox");
}

TEST_F(Config, AMissingConfigFileIsNamed) {
    const auto failure = test::failure_of([&] {
        parse(nullptr, nullptr, {"--config", "/nonexistent.conf"});
    });
    EXPECT_TRUE(failure.thrown);
    EXPECT_TRUE(test::contains(failure.message, "/nonexistent.conf"));
}

TEST_F(Config, AnUnknownOptionIsNamedWithItsFile) {
    EXPECT_TRUE(refuses([&] { parse(nullptr, "nosuch = 1\n"); }, path("file.conf"), "nosuch"));
}

TEST_F(Config, ALineThatIsNoneIsNamedWithItsFile) {
    EXPECT_TRUE(refuses([&] { parse("just words\n", nullptr); }, path("user.conf")));
}

// Found by fuzzing: Boost.Program_options writes such a line into its own message for ever.
TEST_F(Config, ALineThatLooksLikeATemplateIsNamedToo) {
    for (const char* line :
         {"%invalid_line%8", "%invalid_line%%option%", "%value% %prefix%", "%option% = 1"}) {
        EXPECT_TRUE(refuses([&] { (void)parse_config(line, "file.conf"); }, "file.conf",
                            std::string{line}.substr(0, 8)));
    }
}

// cli.md: "Errors name the option, file, line or entry at fault."
TEST_F(Config, ABadValueIsNamedWithItsFile) {
    EXPECT_TRUE(
        refuses([&] { parse("network = bridge\n", nullptr); }, path("user.conf"), "network", "bridge"));
}

TEST_F(Config, ABadSwitchIsNamedWithItsFile) {
    EXPECT_TRUE(refuses([&] { parse("init = maybe\n", nullptr); }, path("user.conf"), "init"));
}

// Read silently without effect it would be worse than refused.
TEST_F(Config, AFileCannotNameAnotherFile) {
    EXPECT_TRUE(refuses([&] { parse("config = /etc/passwd\n", nullptr); }, "config"));
}

TEST(UserConfigPath, FollowsTheBaseDirectorySpecification) {
    EXPECT_EQ(user_config_path("/xdg", "/home/me"), "/xdg/sandbox/sandbox.conf");
    EXPECT_EQ(user_config_path("", "/home/me"), "/home/me/.config/sandbox/sandbox.conf");
    EXPECT_EQ(user_config_path("relative", "/home/me"), "/home/me/.config/sandbox/sandbox.conf");
    EXPECT_EQ(user_config_path("", ""), "");
}

// Nothing is ever read from the current directory unasked.
TEST(UserConfigPath, IsNeverRelative) {
    EXPECT_EQ(user_config_path("", "home"), "");
    EXPECT_EQ(user_config_path("", "."), "");
}

} // namespace
} // namespace sandbox
