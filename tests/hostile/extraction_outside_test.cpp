// SPDX-License-Identifier: Apache-2.0
// Archives that reach for what lies outside of the tree.
#include <sys/stat.h>
#include <sys/xattr.h>

#include "hostile.hpp"

using namespace sandbox::test;
namespace fs = std::filesystem;

namespace {

std::string file(const std::string& name, const std::string& data = "hostile") {
    return raw_file({.name = name}, data);
}
std::string directory(const std::string& name) {
    return raw_header({.name = name, .type = '5'});
}
std::string soft_link(const std::string& name, const std::string& target) {
    return raw_header({.name = name, .type = '2', .link = target});
}
std::string hard_link(const std::string& name, const std::string& target) {
    return raw_header({.name = name, .type = '1', .link = target});
}

/// Version 2, then a user of id 0 that may do anything. posix_acl_xattr.h
const std::string acl{"\x02\0\0\0\x02\0\x07\0\0\0\0\0", 12};

} // namespace

TEST_F(Hostile, DotDotInAName) {
    for (const std::string name : {"../outside/new", "bin/../../outside/new", "..", "./..", "bin/.."}) {
        expect_refused(file(name), name, "'..'");
    }
}

TEST_F(Hostile, AbsoluteName) {
    expect_taken(file("/" + outside().string().substr(1) + "/secret"));
    EXPECT_EQ(read_text(in_tree(outside().string().substr(1) + "/secret")), "hostile");
}

TEST_F(Hostile, FileThroughASymlink) {
    expect_refused(soft_link("link", outside()) + file("link/secret"), "link/secret", "symbolic link");
    expect_refused(soft_link("up", "..") + soft_link("bin/deeper", "../up") + file("bin/deeper/new"),
                   "bin/deeper/new", "symbolic link");
    expect_refused(soft_link("link", outside()) + directory("link/new"), "link/new", "symbolic link");
    expect_refused(soft_link("link", outside()) + soft_link("link/new", "x"), "link/new", "symbolic link");
    expect_refused(soft_link("link", outside()) + raw_header({.name = "link/new", .type = '6'}), "link/new",
                   "symbolic link");
}

TEST_F(Hostile, FileOverASymlinkReplacesIt) {
    expect_taken(soft_link("link", outside() / "secret") + file("link"));
    EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(in_tree("link"))));
}

TEST_F(Hostile, HardlinkToOutside) {
    expect_refused(hard_link("bin/x", "../outside/secret"), "bin/x", "'..'");
    expect_refused(hard_link("bin/x", outside() / "secret"), "bin/x", "does not come before it");
    expect_refused(soft_link("link", outside()) + hard_link("bin/x", "link/secret"), "bin/x",
                   "does not come before");
    expect_refused(hard_link("bin/x", "bin"), "bin/x", "a directory");
    expect_refused(hard_link("bin/x", "./"), "bin/x", "the root");
}

TEST_F(Hostile, HardlinkToASymlinkLinksTheSymlink) {
    expect_taken(soft_link("link", outside() / "secret") + hard_link("again", "link") + file("again", "x"));
    EXPECT_EQ(fs::read_symlink(in_tree("link")), outside() / "secret");
    EXPECT_EQ(read_text(in_tree("again")), "x");
}

// A hard link to a symbolic link that leads out, with data to be written through both.
TEST_F(Hostile, HardlinkWithDataCve20165418) {
    const std::string pax = pax_header({{"comment", "only in this format may a link have data"}});
    expect_taken(soft_link("link", outside() / "secret") + pax +
                 raw_file({.name = "again", .type = '1', .link = "link"}, "hostile") +
                 file("bin/plain", "kept") + pax +
                 raw_file({.name = "plain", .type = '1', .link = "bin/plain"}, "hostile"));
    EXPECT_EQ(read_text(in_tree("bin/plain")), "kept");
    EXPECT_EQ(read_text(in_tree("plain")), "kept");
}

TEST_F(Hostile, DirectoryReplacedByASymlinkMidway) {
    expect_refused(directory("d/") + file("d/a") + soft_link("d", outside()) + file("d/b"), "d/b",
                   "symbolic link");
    expect_refused(
        directory("d/") + directory("d/e/") + file("d/e/a") + soft_link("d", outside()) + file("d/e/b"),
        "d/e/b", "symbolic link");
    expect_refused(directory("d/") + directory("d/e/") + soft_link("d/e", outside()) + directory("d/e/f/"),
                   "d/e/f", "symbolic link");
}

TEST_F(Hostile, SymlinkReplacedByADirectoryMidway) {
    expect_taken(soft_link("d", outside()) + directory("d/") + file("d/secret"));
    EXPECT_EQ(read_text(in_tree("d/secret")), "hostile");
}

TEST_F(Hostile, AclThroughASymlinkCve202123177) {
    expect_taken(pax_header({{"SCHILY.acl.access", "user::rwx,user:0:rwx,group::rwx,mask::rwx,other::rwx"},
                             {"SCHILY.acl.default", "user::rwx,group::rwx,other::rwx"},
                             {"SCHILY.xattr.system.posix_acl_access", acl}}) +
                 soft_link("link", outside() / "secret"));
    EXPECT_LT(::getxattr((outside() / "secret").c_str(), "system.posix_acl_access", nullptr, 0), 0);
}

TEST_F(Hostile, AttributesAndFlagsThroughASymlinkCve202131566) {
    expect_taken(pax_header({{"SCHILY.xattr.user.hostile", "x"},
                             {"LIBARCHIVE.xattr.user.hostile", "eA"},
                             {"SCHILY.fflags", "immutable,append,nodump"}}) +
                 raw_header({.name = "link", .type = '2', .link = outside() / "secret", .mode = "0006777"}));
}

TEST_F(Hostile, AclsAndFlagsOfFilesAreNotTaken) {
    expect_taken(pax_header({{"SCHILY.acl.access", "user::rwx,user:0:rwx,group::rwx,mask::rwx,other::rwx"},
                             {"SCHILY.xattr.system.posix_acl_access", acl},
                             {"SCHILY.fflags", "immutable"}}) +
                 file("bin/f"));
    EXPECT_LT(::getxattr(in_tree("bin/f").c_str(), "system.posix_acl_access", nullptr, 0), 0);
}

TEST_F(Hostile, AttributesThatSteerAnOverlayOrTellOfOwnersAreNotTaken) {
    expect_taken(pax_header({{"SCHILY.xattr.user.overlay.opaque", "y"},
                             {"SCHILY.xattr.user.fuseoverlayfs.opaque", "y"},
                             {"SCHILY.xattr.user.containers.override_stat", "0:0:0777"},
                             {"SCHILY.xattr.user.sandbox.owner", "0:0:04755"},
                             {"SCHILY.xattr.trusted.overlay.opaque", "y"},
                             {"SCHILY.xattr.security.selinux", "x"}}) +
                 directory("d/"));
    EXPECT_EQ(::listxattr(in_tree("d").c_str(), nullptr, 0), 0);
}

TEST_F(Hostile, RootEntryThatIsASymlinkCve202129136) {
    for (const char* name : {".", "./", "/", ".//."}) {
        expect_refused(soft_link(name, outside()), name, "root entry is not a directory");
    }
    expect_refused(file("."), ".", "root entry is not a directory");
    expect_refused(hard_link("./", "bin"), "./", "root entry is not a directory");
}

TEST_F(Hostile, RootEntryWithModeAndAttributesOfItsOwn) {
    expect_taken(pax_header({{"SCHILY.xattr.user.overlay.opaque", "y"}}) +
                 raw_header({.name = "./", .type = '5', .mode = "0000000"}));
    EXPECT_EQ(stat_of("", "%a %u"), "0 0");
}

TEST_F(Hostile, DeviceNodes) {
    expect_taken(raw_header({.name = "bin/sda", .type = '4'}) + raw_header({.name = "bin/mem", .type = '3'}) +
                 raw_header({.name = "bin/whiteout", .type = '3'}));
    EXPECT_TRUE(fs::is_empty(in_tree("bin")));
}

TEST_F(Hostile, AFifoHoldsNobodyUp) {
    expect_taken(raw_header({.name = "fifo", .type = '6', .mode = "0000000"}) + file("replaced") +
                 raw_header({.name = "replaced", .type = '6'}) + raw_header({.name = "pipe", .type = '6'}) +
                 file("pipe", "a file"));
    EXPECT_EQ(stat_of("fifo", "%F %a"), "fifo 0");
    EXPECT_EQ(read_text(in_tree("pipe")), "a file");
}

// On the host's disk it is set-user-id *you*: nobody else may come near it.
TEST_F(Hostile, SetuidFilesAreOutOfReachOfOthers) {
    expect_taken(raw_file({.name = "bin/su", .mode = "0006755"}, "x"));
    EXPECT_EQ(stat_of("bin/su", "%a %u"), "6755 0");
    struct stat status {};
    ASSERT_EQ(::stat(store().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0700U);
}

TEST_F(Hostile, SetuidFilesOfOthersLoseTheBitWhereOwnersAreNotKept) {
    expect_taken(raw_file({.name = "bin/su", .mode = "0006755", .uid = "0000041", .gid = "0000041"}, "x"),
                 {"--userns", "single"});
    EXPECT_EQ(stat_of("bin/su", "%a"), "755");
}

TEST_F(Hostile, ADefaultAclOfTheStoresPlaceIsNotPassedOn) {
    // user::rwx, user:0:rwx, group::rwx, mask::rwx, other::rwx. posix_acl_xattr.h
    std::string defaults{"\x02\0\0\0", 4};
    for (const char tag : {'\x01', '\x02', '\x04', '\x10', '\x20'}) {
        defaults += std::string{tag, '\0', '\x07', '\0'} +
                    (tag == '\x02' ? std::string(4, '\0') : std::string(4, '\xff'));
    }
    if (::setxattr(scratch().c_str(), "system.posix_acl_default", defaults.data(), defaults.size(), 0) != 0) {
        GTEST_SKIP() << "this filesystem has no ACLs";
    }
    expect_taken(raw_file({.name = "bin/f", .mode = "0000640"}, "x"));
    EXPECT_EQ(stat_of("bin/f", "%a"), "640");
    EXPECT_LT(::getxattr(in_tree("bin/f").c_str(), "system.posix_acl_access", nullptr, 0), 0);
    EXPECT_EQ(::removexattr(scratch().c_str(), "system.posix_acl_default"), 0);
}
