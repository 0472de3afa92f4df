// SPDX-License-Identifier: Apache-2.0
// Removal of trees that strangers filled: deep, without permissions, full of links. Run as a plain user it
// shows most: root may write everywhere.
#include "linux/tree.hpp"

#include <sys/resource.h>

#include <vector>

#include "support.hpp"

namespace sandbox {
namespace {

using test::TemporaryDirectory;

/// A chain of directories below `name`, each of a mode once it is filled.
void make_chain(const TemporaryDirectory& directory, const std::string& name, int levels,
                mode_t mode = 0755) {
    directory.make_directory(name);
    UniqueFd here{::openat(directory.fd(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    for (int level = 1; level < levels; ++level) {
        ASSERT_EQ(::mkdirat(here.get(), "d", 0700), 0);
        UniqueFd next{::openat(here.get(), "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
        ASSERT_TRUE(next.valid());
        ASSERT_EQ(::fchmod(here.get(), mode), 0);
        here = std::move(next);
    }
    ASSERT_EQ(::fchmod(here.get(), mode), 0);
}

void expect_removed(const TemporaryDirectory& directory, const std::string& name) {
    EXPECT_NO_THROW(remove_tree(directory.fd(), name));
    EXPECT_FALSE(directory.has(name));
}

TEST(RemoveTree, WhatIsNotThereIsNoError) {
    const TemporaryDirectory directory;
    EXPECT_NO_THROW(remove_tree(directory.fd(), "nothing"));
}

TEST(RemoveTree, AFileAndALinkAreRemovedThemselves) {
    const TemporaryDirectory directory;
    directory.make_file("file", "x");
    directory.make_link("link", "file");
    expect_removed(directory, "link");
    EXPECT_TRUE(directory.has("file"));
    expect_removed(directory, "file");
}

TEST(RemoveTree, LinksAreNotFollowed) {
    const TemporaryDirectory directory;
    directory.make_directory("outside");
    directory.make_file("outside/keep", "x");
    directory.make_directory("tree");
    directory.make_link("tree/directory", "../outside");
    directory.make_link("tree/file", "../outside/keep");
    directory.make_link("tree/dangling", "nowhere");
    expect_removed(directory, "tree");
    EXPECT_TRUE(directory.has("outside/keep"));
}

TEST(RemoveTree, ContentGoesAndTheDirectoryStays) {
    const TemporaryDirectory directory;
    directory.make_directory("tree");
    directory.make_file("tree/file", "x");
    const UniqueFd tree{::openat(directory.fd(), "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    remove_tree_content(tree.get(), "tree");
    EXPECT_TRUE(is_empty_directory(directory.fd(), "tree"));
}

TEST(RemoveTree, FiveThousandLevelsTakeFewDescriptors) {
    const TemporaryDirectory directory;
    make_chain(directory, "tree", 5000);
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit few{256, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    expect_removed(directory, "tree");
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST(RemoveTree, DirectoriesOfEveryModeAreRemoved) {
    for (mode_t mode = 0; mode <= 0700; mode += 0100) {
        const TemporaryDirectory directory;
        directory.make_directory("tree");
        directory.make_directory("tree/a");
        directory.make_file("tree/a/file", "x");
        directory.make_directory("tree/a/empty", mode);
        ASSERT_EQ(::fchmodat(directory.fd(), "tree/a", mode, 0), 0);
        SCOPED_TRACE(::testing::Message() << "mode " << std::oct << mode);
        expect_removed(directory, "tree");
    }
}

TEST(RemoveTree, TheTopItselfMayBeWithoutPermissions) {
    for (mode_t mode = 0; mode <= 0700; mode += 0100) {
        const TemporaryDirectory directory;
        directory.make_directory("tree");
        directory.make_file("tree/file", "x");
        ASSERT_EQ(::fchmodat(directory.fd(), "tree", mode, 0), 0);
        SCOPED_TRACE(::testing::Message() << "mode " << std::oct << mode);
        expect_removed(directory, "tree");
    }
}

// rename(2) of a directory to another parent needs write permission on the directory itself, for its "..".
TEST(RemoveTree, DeepDirectoriesWithoutPermissionsAreRemoved) {
    for (const mode_t mode : {mode_t{0}, mode_t{0555}}) {
        const TemporaryDirectory directory;
        make_chain(directory, "tree", 300, mode);
        SCOPED_TRACE(::testing::Message() << "mode " << std::oct << mode);
        expect_removed(directory, "tree");
    }
}

// What is deep is moved up under a name of our own: an image that has such names must not be in the way.
TEST(RemoveTree, NamesThatAreLikeOurOwnAreNotInTheWay) {
    const TemporaryDirectory directory;
    directory.make_directory("tree");
    for (int i = 0; i < 40; ++i) {
        const std::string name = "tree/.deep-" + std::to_string(i);
        if (i % 2 == 0) {
            directory.make_directory(name);
            directory.make_file(name + "/file", "x");
        } else {
            directory.make_file(name, "x");
        }
        make_chain(directory, "tree/chain" + std::to_string(i), 200);
    }
    expect_removed(directory, "tree");
}

TEST(RemoveTree, ManyEntriesAreRemoved) {
    const TemporaryDirectory directory;
    directory.make_directory("tree");
    for (int i = 0; i < 3000; ++i) {
        directory.make_file("tree/" + std::to_string(i), "");
    }
    expect_removed(directory, "tree");
}

TEST(RemoveTree, FifosAreRemovedWithoutBeingOpened) {
    const TemporaryDirectory directory;
    directory.make_directory("tree");
    ASSERT_EQ(::mkfifoat(directory.fd(), "tree/fifo", 0600), 0);
    expect_removed(directory, "tree");
}

TEST(EmptyDirectory, HasNothingButDots) {
    const TemporaryDirectory directory;
    directory.make_directory("empty");
    directory.make_directory("hidden");
    directory.make_file("hidden/.x", "");
    EXPECT_TRUE(is_empty_directory(directory.fd(), "empty"));
    EXPECT_FALSE(is_empty_directory(directory.fd(), "hidden"));
    EXPECT_THROW((void)is_empty_directory(directory.fd(), "nothing"), SystemError);
}

} // namespace
} // namespace sandbox
