// SPDX-License-Identifier: Apache-2.0
// Files of an image, read from outside of it: links, FIFOs and whiteouts of hostile layers.
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "rootfs/users.hpp"
#include "support.hpp"

namespace sandbox {
namespace {

using test::refuses;

class ImageFile : public ::testing::Test {
  protected:
    ImageFile() {
        directory_.make_file("secret", "of the host");
        for (const char* layer : {"upper", "lower"}) {
            directory_.make_directory(layer);
            directory_.make_directory(std::string{layer} + "/etc");
        }
    }
    [[nodiscard]] std::vector<std::string> layers() const {
        return {directory_.path() + "/upper", directory_.path() + "/lower"};
    }
    [[nodiscard]] auto read(const std::string& path) const { return read_image_file(layers(), path); }
    /// A whiteout of overlayfs, which plain users may make since Linux 5.8.
    [[nodiscard]] bool make_whiteout(const std::string& name) const {
        return ::mknodat(directory_.fd(), name.c_str(), S_IFCHR, makedev(0, 0)) == 0;
    }

    test::TemporaryDirectory directory_;
};

TEST_F(ImageFile, TheUppermostLayerThatHasItDecides) {
    directory_.make_file("lower/etc/passwd", "lower");
    EXPECT_EQ(read("etc/passwd"), "lower");
    directory_.make_file("upper/etc/passwd", "upper");
    EXPECT_EQ(read("etc/passwd"), "upper");
    EXPECT_TRUE(image_has(layers(), "etc/passwd"));
}

TEST_F(ImageFile, MissingIsNothing) {
    EXPECT_FALSE(read("etc/passwd"));
    EXPECT_FALSE(image_has(layers(), "etc/passwd"));
}

TEST_F(ImageFile, LinksAreFollowedInsideTheLayer) {
    directory_.make_file("upper/etc/real", "inside");
    directory_.make_link("upper/etc/passwd", "/etc/real");
    directory_.make_link("upper/etc/up", "../../../../etc/real");
    EXPECT_EQ(read("etc/passwd"), "inside");
    EXPECT_EQ(read("etc/up"), "inside");
}

TEST_F(ImageFile, ALinkOutOfTheLayerLeadsNowhere) {
    directory_.make_link("upper/etc/passwd", directory_.path() + "/secret");
    directory_.make_link("upper/etc/group", "../../secret");
    EXPECT_FALSE(read("etc/passwd"));
    EXPECT_FALSE(read("etc/group"));
}

TEST_F(ImageFile, AMagicLinkIsNotFollowed) {
    directory_.make_link("upper/etc/passwd", "/proc/self/fd/0");
    EXPECT_FALSE(read("etc/passwd"));
}

TEST_F(ImageFile, ALinkToItselfEnds) {
    directory_.make_link("upper/etc/passwd", "passwd");
    EXPECT_FALSE(read("etc/passwd"));
}

// CVE-2026-30892's kin: opening a FIFO waits for a writer.
TEST_F(ImageFile, AFifoDoesNotHoldUsUp) {
    ASSERT_EQ(::mkfifoat(directory_.fd(), "upper/etc/passwd", 0644), 0);
    EXPECT_FALSE(read("etc/passwd"));
}

TEST_F(ImageFile, ADirectoryIsNoFile) {
    directory_.make_directory("upper/etc/passwd");
    directory_.make_file("lower/etc/passwd", "hidden");
    EXPECT_FALSE(read("etc/passwd"));
}

TEST_F(ImageFile, AHugeFileIsRefusedByName) {
    directory_.make_file("upper/etc/passwd", "");
    ASSERT_EQ(::truncate((directory_.path() + "/upper/etc/passwd").c_str(), 1 << 30), 0);
    EXPECT_TRUE(refuses([&] { (void)read("etc/passwd"); }, "/etc/passwd", "larger than"));
    EXPECT_TRUE(refuses([&] { (void)read_image_file(layers(), "etc/passwd", 10); }, "10 bytes"));
}

TEST_F(ImageFile, AWhiteoutHidesWhatIsBelow) {
    directory_.make_file("lower/etc/passwd", "hidden");
    if (!make_whiteout("upper/etc/passwd")) {
        GTEST_SKIP() << "no whiteouts by plain users: Linux 5.8 is needed";
    }
    EXPECT_FALSE(read("etc/passwd"));
    EXPECT_FALSE(image_has(layers(), "etc/passwd"));
}

TEST_F(ImageFile, AWhiteoutOfADirectoryHidesAllBelowIt) {
    directory_.make_directory("lower/bin");
    directory_.make_file("lower/bin/sh", "hidden");
    if (!make_whiteout("upper/bin")) {
        GTEST_SKIP() << "no whiteouts by plain users: Linux 5.8 is needed";
    }
    EXPECT_FALSE(read("bin/sh"));
    EXPECT_FALSE(image_has(layers(), "bin/sh"));
}

TEST_F(ImageFile, AFileInADirectorysPlaceHidesAllBelowIt) {
    directory_.make_directory("lower/bin");
    directory_.make_file("lower/bin/sh", "hidden");
    directory_.make_file("upper/bin", "a file now");
    EXPECT_FALSE(read("bin/sh"));
    EXPECT_FALSE(image_has(layers(), "bin/sh"));
}

TEST_F(ImageFile, AnythingCountsAsThere) {
    directory_.make_link("upper/bin", "usr/bin");
    directory_.make_directory("upper/usr");
    directory_.make_directory("upper/usr/bin");
    directory_.make_file("upper/usr/bin/sh", "");
    EXPECT_TRUE(image_has(layers(), "bin/sh"));
    EXPECT_FALSE(image_has(layers(), "bin/bash"));
}

// As a layer on a merged-/usr distribution has it: /bin is a link of the lowest layer, the program the
// upper's.
TEST_F(ImageFile, ALinkLeadsFromOneLayerIntoAnother) {
    directory_.make_link("lower/bin", "usr/bin");
    directory_.make_directory("lower/usr");
    directory_.make_directory("lower/usr/bin");
    directory_.make_directory("upper/usr");
    directory_.make_directory("upper/usr/bin");
    directory_.make_file("upper/usr/bin/sh", "upper");
    EXPECT_EQ(read("bin/sh"), "upper");
    directory_.make_link("upper/etc/passwd", "/bin/../bin/./sh");
    EXPECT_EQ(read("etc/passwd"), "upper");
}

TEST_F(ImageFile, AnOpaqueDirectoryHidesWhatIsBelow) {
    directory_.make_file("lower/etc/passwd", "hidden");
    EXPECT_EQ(read("etc/passwd"), "hidden");
    const std::string opaque = directory_.path() + "/upper/etc";
    if (::setxattr(opaque.c_str(), "user.overlay.opaque", "y", 1, 0) < 0) {
        GTEST_SKIP() << "this file system has no user.* attributes";
    }
    EXPECT_FALSE(read("etc/passwd"));
    EXPECT_FALSE(image_has(layers(), "etc/passwd"));
}

} // namespace
} // namespace sandbox
