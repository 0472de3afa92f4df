// SPDX-License-Identifier: Apache-2.0
// The pure parts of the image room: the store's place, digests, the progress line, what IMAGE names.
#include "image/image.hpp"

#include "image/catalog.hpp"
#include "image/progress.hpp"
#include "support.hpp"

namespace sandbox {
namespace {

using test::contains;
using test::refuses;

TEST(StorePath, TheUsersWordComesFirst) {
    EXPECT_EQ(default_store_path("/mine", "/data", "/home/me"), "/mine");
    EXPECT_EQ(default_store_path("", "/data", "/home/me"), "/data/sandbox");
    EXPECT_EQ(default_store_path("", "", "/home/me"), "/home/me/.local/share/sandbox");
}

// XDG Base Directory Specification: relative paths are to be ignored.
TEST(StorePath, ARelativeDataHomeIsIgnored) {
    EXPECT_EQ(default_store_path("", "data", "/home/me"), "/home/me/.local/share/sandbox");
}

TEST(StorePath, WithoutAHomeItMustBeNamed) {
    EXPECT_TRUE(refuses([] { (void)default_store_path("", "", ""); }, "HOME"));
}

TEST(Digest, IsSha256InLowerCase) {
    EXPECT_TRUE(is_digest("sha256:" + std::string(64, 'a')));
    for (const std::string& text :
         {std::string{}, std::string(64, 'a'), "sha256:" + std::string(63, 'a'),
          "sha256:" + std::string(65, 'a'), "sha256:" + std::string(64, 'A'),
          "sha256:" + std::string(64, 'g'), "sha512:" + std::string(64, 'a'),
          "sha256:../" + std::string(61, 'a'), "sha256:" + std::string(63, 'a') + "\n"}) {
        EXPECT_FALSE(is_digest(text)) << text;
    }
}

TEST(TreePath, IsTheDigestsAndTheMaps) {
    EXPECT_EQ(tree_path("sha256:" + std::string(64, 'a'), "root-0123"),
              "layers/" + std::string(64, 'a') + "/root-0123/root");
}

TEST(Progress, NameShareRateAndTimeLeft) {
    EXPECT_EQ(progress_line("alpine.tar", 50'000'000, 100'000'000, 5),
              "alpine.tar  [#####.....] 50 %  50 MB of 100 MB  10 MB/s  6 s left");
}

TEST(Progress, ALineNeverPasses79Columns) {
    for (const std::uint64_t done :
         {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 40, UINT64_MAX}) {
        for (const std::uint64_t total : {std::uint64_t{0}, std::uint64_t{1} << 50, UINT64_MAX}) {
            for (const double seconds : {0.0, 1e-3, 1.0, 100.0}) {
                EXPECT_LE(progress_line(std::string(500, 'n'), done, total, seconds).size(), 79U);
            }
        }
    }
}

TEST(Progress, MoreThanAllIsAllAndNothingIsNone) {
    EXPECT_TRUE(contains(progress_line("a", 200, 100, 1), "] 100 %"));
    EXPECT_TRUE(contains(progress_line("a", 0, 100, 1), "] 0 %"));
    EXPECT_EQ(progress_line("a", 0, 0, 0), "a  0 MB");
    EXPECT_EQ(progress_line("a", 30'000'000, 0, 2), "a  30 MB  15 MB/s"); // a pipe
}

TEST(Progress, LongWaitsAreToldInMinutesAndHours) {
    EXPECT_TRUE(contains(progress_line("a", 1'000'000, 125'000'000, 1), "  2 min 5 s left"));
    EXPECT_TRUE(contains(progress_line("a", 1'000'000, 12'000'000'000, 1), "  3 h 20 min left"));
}

TEST(Progress, AHostileNameDoesNotDriveTheTerminal) {
    EXPECT_FALSE(contains(progress_line("\x1b[2J", 1, 2, 1), "\x1b"));
}

TEST(Image, HostIsTheHostsRoot) {
    const Image image = identify_image("host", nullptr);
    EXPECT_EQ(image.kind, ImageKind::host);
    EXPECT_EQ(image.layers, (std::vector<std::string>{"/"}));
}

TEST(Image, ADirectoryMustLookLikeARoot) {
    const test::TemporaryDirectory directory;
    EXPECT_TRUE(refuses([&] { (void)identify_image(directory.path(), nullptr); }, directory.path(),
                        "no root file system"));
    directory.make_directory("usr");
    const Image image = identify_image(directory.path() + "/", nullptr);
    EXPECT_EQ(image.kind, ImageKind::directory);
    EXPECT_EQ(image.layers, (std::vector<std::string>{directory.path()}));
}

TEST(Image, AFileIsNotReadYet) {
    const test::TemporaryDirectory directory;
    directory.make_file("x.tar", "no tar at all");
    EXPECT_EQ(identify_image(directory.path() + "/x.tar", nullptr).kind, ImageKind::tree);
}

TEST(Image, WhatIsNotThereIsNamed) {
    EXPECT_TRUE(refuses([] { (void)identify_image("/nonexistent/x.tar", nullptr); }, "/nonexistent/x.tar",
                        "no such image"));
    EXPECT_TRUE(refuses([] { (void)identify_image("/dev/null/x", nullptr); }, "/dev/null/x"));
}

TEST(Store, IsMadeForItsOwnerOnly) {
    const test::TemporaryDirectory directory;
    const Store store{directory.path() + "/a/b/store"};
    struct stat status {};
    ASSERT_EQ(::stat(store.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0700U);
    EXPECT_TRUE(directory.has("a/b/store/version"));
}

TEST(Store, OpenToOthersIsRefused) {
    const test::TemporaryDirectory directory;
    directory.make_directory("store", 0750);
    EXPECT_TRUE(
        refuses([&] { const Store store{directory.path() + "/store"}; }, "/store", "open to other users"));
}

TEST(Store, OfAnotherLayoutIsRefused) {
    const test::TemporaryDirectory directory;
    directory.make_directory("store", 0700);
    directory.make_file("store/version", "2\n");
    EXPECT_TRUE(refuses([&] { const Store store{directory.path() + "/store"}; }, "/store", "layout 2"));
}

} // namespace
} // namespace sandbox
