// SPDX-License-Identifier: Apache-2.0
// The values of options: what each form means, and what is refused with which words.
#include "spec/parse.hpp"

#include "support.hpp"

namespace sandbox {
namespace {

using test::contains;
using test::failure_of;
using test::refuses;

TEST(Volume, SourceIsAbsoluteOrBelowTheDirectory) {
    EXPECT_EQ(parse_volume("/src:/dst", "/here").source, "/src");
    EXPECT_EQ(parse_volume("src:/dst", "/here").source, "/here/src");
    EXPECT_EQ(parse_volume("/src:/dst", "/here").target, "/dst");
    EXPECT_FALSE(parse_volume("/src:/dst", "/here").read_only);
}

TEST(Volume, ReadOnlyIsAWordAmongOthers) {
    EXPECT_TRUE(parse_volume("/s:/d:ro", "/").read_only);
    EXPECT_TRUE(parse_volume("/s:/d:ro,z", "/").read_only);
    EXPECT_TRUE(parse_volume("/s:/d:Z,ro,rbind", "/").read_only);
    EXPECT_FALSE(parse_volume("/s:/d:rw,U", "/").read_only);
}

TEST(Volume, EachMalformedOneIsNamed) {
    for (const char* text : {"", "/src", ":/dst", "/a:/b:ro:x", ":"}) {
        EXPECT_TRUE(refuses([&] { parse_volume(text, "/"); }, "--volume", text)) << text;
    }
    EXPECT_TRUE(refuses([] { parse_volume("/a:dst", "/"); }, "--volume /a:dst", "absolute"));
    EXPECT_TRUE(refuses([] { parse_volume("/a:", "/"); }, "--volume /a:", "absolute"));
    EXPECT_TRUE(refuses([] { parse_volume("/a:/b:rx", "/"); }, "--volume /a:/b:rx", "rx"));
    EXPECT_TRUE(refuses([] { parse_volume("/a:/b:", "/"); }, "--volume"));
    EXPECT_TRUE(contains(failure_of([] { parse_volume("/src", "/"); }).hint, "--volume"));
}

TEST(Volume, TheRootItselfCannotBeATarget) {
    for (const char* target : {"/", "//", "/.", "/./", "/..", "/../.", "/a/.."}) {
        EXPECT_TRUE(refuses([&] { parse_volume(std::string{"/a:"} + target, "/"); }, "--volume", target))
            << target;
    }
}

TEST(Volume, AHostileValueDoesNotDriveTheTerminal) {
    const auto failure = failure_of([] { parse_volume("\x1b[2J", "/"); });
    EXPECT_FALSE(contains(failure.message, "\x1b"));
}

// The working directory may have no name: it was removed, or lies outside of the caller's root.
TEST(Volume, ARelativeSourceWithoutADirectoryIsRefused) {
    EXPECT_TRUE(refuses([] { parse_volume("src:/dst", ""); }, "--volume"));
}

TEST(Mount, ABindHasSourceAndTarget) {
    for (const char* text : {"type=bind,source=/a,target=/b,readonly", "type=bind,src=/a,dst=/b,ro",
                             "dst=/b,src=/a,ro,type=bind", "type=bind,src=/a,destination=/b,ro=true",
                             "type=bind,src=/a,dst=/b,readonly=1"}) {
        const auto bind = std::get<BindMount>(parse_mount(text, "/"));
        EXPECT_EQ(bind.source, "/a") << text;
        EXPECT_EQ(bind.target, "/b") << text;
        EXPECT_TRUE(bind.read_only) << text;
    }
    EXPECT_FALSE(std::get<BindMount>(parse_mount("type=bind,src=/a,dst=/b", "/")).read_only);
    EXPECT_FALSE(std::get<BindMount>(parse_mount("type=bind,src=/a,dst=/b,ro=false", "/")).read_only);
}

TEST(Mount, ATmpfsHasSizeAndMode) {
    const auto tmpfs =
        std::get<TmpfsMount>(parse_mount("type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=0700", "/"));
    EXPECT_EQ(tmpfs.target, "/t");
    EXPECT_EQ(tmpfs.size, 1U << 20);
    EXPECT_EQ(tmpfs.mode, 0700U);
}

TEST(Mount, EachMalformedOneIsNamed) {
    for (const char* text : {"", "type=bind,src=/a", "type=bind,dst=/b", "type=bind,src=/a,dst=b",
                             "type=bind,src=/a,dst=/", "type=volume,src=a,dst=/b", "src=/a,dst=/b",
                             "type=bind,src=/a,dst=/b,rx", "type=bind,src=/a,dst=/b,tmpfs-size=1m",
                             "type=tmpfs,dst=/b,tmpfs-size=x", "type=tmpfs,dst=/b,tmpfs-size=0",
                             "type=tmpfs,dst=/b,tmpfs-mode=9", "type=tmpfs,dst=/b,nosuch=1", "type=tmpfs"}) {
        EXPECT_TRUE(refuses([&] { parse_mount(text, "/"); }, "--mount", text)) << text;
    }
}

// An unset variable in src=$DIR must not mean the working directory.
TEST(Mount, AnEmptySourceIsRefused) {
    EXPECT_TRUE(refuses([] { parse_mount("type=bind,src=,dst=/b", "/here"); }, "--mount", "src="));
}

TEST(Mount, AValueOfReadOnlyThatIsNoTruthIsRefused) {
    for (const char* value : {"ro=yes", "ro=on", "readonly=TRUE", "ro=2", "ro=never"}) {
        const std::string text = std::string{"type=bind,src=/a,dst=/b,"} + value;
        MountOperation mount;
        const auto failure = failure_of([&] { mount = parse_mount(text, "/"); });
        EXPECT_TRUE(failure.is_usage || std::get<BindMount>(mount).read_only)
            << value << " was taken for read-write";
    }
}

TEST(Mount, WhatATmpfsCannotHaveIsRefused) {
    EXPECT_TRUE(refuses([] { parse_mount("type=tmpfs,src=/a,dst=/b", "/"); }, "--mount"));
    EXPECT_TRUE(refuses([] { parse_mount("type=tmpfs,dst=/b,ro", "/"); }, "--mount"));
}

TEST(Tmpfs, SizeAndModeAreOptional) {
    EXPECT_EQ(parse_tmpfs("/t").mode, 01777U);
    EXPECT_EQ(parse_tmpfs("/t").size, 0U);
    EXPECT_EQ(parse_tmpfs("/t:size=64m,mode=755").size, 64U << 20);
    EXPECT_EQ(parse_tmpfs("/t:size=64m,mode=755").mode, 0755U);
}

TEST(Tmpfs, EachMalformedOneIsNamed) {
    for (const char* text : {"", "t", "/", "/t:", "/t:size=", "/t:size=-1", "/t:size=0", "/t:mode=8",
                             "/t:mode=17777", "/t:size", "/t:uid=0"}) {
        EXPECT_TRUE(refuses([&] { parse_tmpfs(text); }, "--tmpfs", text)) << text;
    }
}

TEST(EnvironmentOption, ValuesMayHoldAnything) {
    EXPECT_EQ(parse_environment("A=b=c", "--env").value, "b=c");
    EXPECT_EQ(parse_environment("A=", "--env").value, "");
    EXPECT_EQ(parse_environment("A", "--env").value, std::nullopt);
    EXPECT_EQ(parse_environment("A", "--env").name, "A");
}

TEST(EnvironmentOption, ANameIsNeeded) {
    EXPECT_TRUE(refuses([] { parse_environment("", "--env"); }, "--env"));
    EXPECT_TRUE(refuses([] { parse_environment("=x", "--env"); }, "--env =x", "NAME=VALUE"));
}

TEST(EnvironmentFile, LinesAreTakenAsTheyAre) {
    const auto changes = parse_environment_file(
        "# comment\n\nA=1\r\n  B=two words \nC=\"quoted\"\nD\n  # indented\nE=#x", "f");
    ASSERT_EQ(changes.size(), 5U);
    EXPECT_EQ(changes[0].value, "1");
    EXPECT_EQ(changes[1].name, "B");
    EXPECT_EQ(changes[1].value, "two words ");
    EXPECT_EQ(changes[2].value, "\"quoted\"");
    EXPECT_EQ(changes[3].value, std::nullopt);
    EXPECT_EQ(changes[4].value, "#x");
}

TEST(EnvironmentFile, ALineThatIsNoneIsNamedByFileAndNumber) {
    EXPECT_TRUE(refuses([] { parse_environment_file("A=1\n=x\n", "my.env"); }, "my.env:2"));
    EXPECT_TRUE(refuses([] { parse_environment_file(std::string{"A=1\nB=\0\n", 8}, "my.env"); }, "my.env:2"));
}

// "export A=1" is a line of a shell script; taken as it is it would set "export A".
TEST(EnvironmentFile, ANameWithBlanksIsNamedByFileAndNumber) {
    EXPECT_TRUE(refuses([] { parse_environment_file("\nexport A=1\n", "my.env"); }, "my.env:2"));
    EXPECT_TRUE(refuses([] { parse_environment_file("A =1\n", "my.env"); }, "my.env:1"));
}

// Found by fuzzing: with a stray CR before it, a name was taken with blanks.
TEST(EnvironmentFile, BlanksBeforeANameAreOfAnyKind) {
    const auto changes = parse_environment_file("\r \tA=1 \r\n", "f");
    ASSERT_EQ(changes.size(), 1U);
    EXPECT_EQ(changes[0].name, "A");
    EXPECT_EQ(changes[0].value, "1 ");
}

TEST(Choice, EveryOneIsTakenAndOthersAreListed) {
    EXPECT_EQ(parse_network("none"), Network::none);
    EXPECT_EQ(parse_user_namespace("keep-id"), UserNamespace::keep_id);
    EXPECT_EQ(parse_storage("fuse"), Storage::fuse);
    EXPECT_EQ(parse_upper("tmpfs"), UpperPlace::tmpfs);
    EXPECT_EQ(parse_home("rw"), HomeView::read_write);
    for (const auto& [name, kind] : namespace_names) {
        EXPECT_EQ(parse_namespace(name), kind);
    }
    const auto failure = failure_of([] { parse_network("bridge"); });
    EXPECT_TRUE(contains(failure.message, "--network bridge"));
    EXPECT_TRUE(contains(failure.hint, "slirp, none, host"));
    EXPECT_TRUE(refuses([] { parse_namespace("mount"); }, "--share mount"));
    EXPECT_TRUE(refuses([] { parse_user_namespace(""); }, "--userns"));
    EXPECT_TRUE(refuses([] { parse_storage("vfs"); }, "--storage vfs"));
    EXPECT_TRUE(refuses([] { parse_upper("ram"); }, "--upper ram"));
    EXPECT_TRUE(refuses([] { parse_home("RO"); }, "--home RO"));
}

TEST(Hostname, LabelsOfLettersDigitsAndHyphens) {
    for (const char* name : {"a", "sandbox", "Build-7.example.org", "1"}) {
        EXPECT_EQ(parse_hostname(name), name);
    }
    EXPECT_EQ(parse_hostname(std::string(63, 'a')).size(), 63U);
}

TEST(Hostname, AnythingElseIsRefused) {
    for (const char* name : {"", "-a", ".a", "a_b", "a b", "a/b", "a\n", "ü"}) {
        EXPECT_TRUE(refuses([&] { parse_hostname(name); }, "--hostname")) << name;
    }
    EXPECT_TRUE(refuses([] { parse_hostname("a." + std::string(63, 'a')); }, "--hostname"));
}

// RFC 1123, 2.1 and RFC 952: a label is not empty, has at most 63 bytes, and ends in a letter or digit.
TEST(Hostname, EveryLabelIsOne) {
    for (const std::string& name : {std::string{"a..b"}, std::string{"a-"}, std::string{"a.-b"},
                                    std::string{"a-.b"}, std::string(64, 'a')}) {
        EXPECT_TRUE(refuses([&] { parse_hostname(name); }, "--hostname")) << name;
    }
}

} // namespace
} // namespace sandbox
