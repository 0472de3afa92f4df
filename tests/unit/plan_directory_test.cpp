// SPDX-License-Identifier: Apache-2.0
// Where a command starts in a sandbox of the host's root: the caller's directory, if it can be seen.
#include "plan_support.hpp"
#include "spec/parse.hpp"
#include "support.hpp"

namespace sandbox {
namespace {

std::string start_in(const std::string& directory, std::vector<MountOperation> mounts = {},
                     HomeView home = HomeView::hide, const std::string& home_directory = "/home/me") {
    Spec spec;
    spec.sandbox.image = "host";
    spec.sandbox.home = home;
    spec.sandbox.mounts = std::move(mounts);
    return visible_directory(spec, {1000, 1000, home_directory, directory, false});
}

MountOperation volume(const std::string& text, const std::string& directory = "/home/me/project") {
    return parse_volume(text, directory);
}

TEST(StartDirectory, IsTheCallersWhereItIsVisible) {
    EXPECT_EQ(start_in("/srv/data"), "/srv/data");
    EXPECT_EQ(start_in("/usr"), "/usr");
    EXPECT_EQ(start_in("/"), "/");
}

TEST(StartDirectory, IsTheRootWhereTheCallersHasNoName) {
    EXPECT_EQ(start_in(""), "/");
}

TEST(StartDirectory, IsTheRootBelowWhatIsPrivate) {
    for (const char* hidden :
         {"/tmp", "/tmp/x", "/run/user/1000", "/var/tmp/a", "/proc/1", "/sys", "/dev/shm"}) {
        EXPECT_EQ(start_in(hidden), "/") << hidden;
    }
}

TEST(StartDirectory, NamesThatOnlyBeginAlikeAreVisible) {
    EXPECT_EQ(start_in("/tmpfiles"), "/tmpfiles");
    EXPECT_EQ(start_in("/home/meg"), "/home/meg");
}

TEST(StartDirectory, AHiddenHomeHidesIt) {
    EXPECT_EQ(start_in("/home/me/project"), "/");
    EXPECT_EQ(start_in("/home/me"), "/");
    EXPECT_EQ(start_in("/home/me/project", {}, HomeView::read_only), "/home/me/project");
    EXPECT_EQ(start_in("/home/me/project", {}, HomeView::read_write), "/home/me/project");
}

TEST(StartDirectory, WithoutAHomeNothingIsHiddenByIt) {
    EXPECT_EQ(start_in("/srv", {}, HomeView::hide, ""), "/srv");
    EXPECT_EQ(start_in("/srv", {}, HomeView::hide, "/"), "/srv");
}

TEST(StartDirectory, AVolumeAtItsOwnPlaceShowsIt) {
    EXPECT_EQ(start_in("/home/me/project", {volume("/home/me/project:/home/me/project")}),
              "/home/me/project");
    EXPECT_EQ(start_in("/home/me/project/sub", {volume("/home/me/project:/home/me/project")}),
              "/home/me/project/sub");
}

TEST(StartDirectory, AVolumeOfSomethingElseHidesIt) {
    EXPECT_EQ(start_in("/srv/data", {volume("/other:/srv")}), "/");
}

TEST(StartDirectory, ATmpfsHidesIt) {
    EXPECT_EQ(start_in("/srv/data", {TmpfsMount{"/srv"}}), "/");
}

TEST(StartDirectory, TheLastMountDecides) {
    EXPECT_EQ(start_in("/srv/data", {TmpfsMount{"/srv"}, volume("/srv/data:/srv/data")}), "/srv/data");
    EXPECT_EQ(start_in("/srv/data", {volume("/srv/data:/srv/data"), TmpfsMount{"/srv"}}), "/");
}

// A shell's completion writes the slash.
TEST(StartDirectory, ASlashAtTheEndOfAVolumeChangesNothing) {
    EXPECT_EQ(start_in("/home/me/project", {volume("/home/me/project/:/home/me/project/")}),
              "/home/me/project");
    EXPECT_EQ(start_in("/home/me/project/sub", {volume("/home/me/project:/home/me/project/")}),
              "/home/me/project/sub");
}

TEST(StartDirectory, AVolumeOfTheCurrentDirectoryByADotShowsIt) {
    EXPECT_EQ(start_in("/home/me/project", {volume(".:/home/me/project")}), "/home/me/project");
}

} // namespace
} // namespace sandbox
