// SPDX-License-Identifier: Apache-2.0
// Whole-file reads and writes.
#include "support.hpp"

namespace sandbox {
namespace {

using test::refuses;
using test::TemporaryDirectory;

TEST(Files, AMissingFileIsNoErrorWhereThatIsAsked) {
    const TemporaryDirectory directory;
    EXPECT_FALSE(read_file_if_exists(directory.fd(), "nothing"));
    EXPECT_THROW(read_file(directory.fd(), "nothing"), SystemError);
}

// A home such as /dev/null, as system users have it: there is no configuration file below it either.
TEST(Files, APathBelowAFileIsAMissingFile) {
    const TemporaryDirectory directory;
    directory.make_file("file", "");
    EXPECT_FALSE(read_file_if_exists(directory.fd(), "file/sandbox.conf"));
}

TEST(Files, AFileAboveTheLimitIsRefusedByName) {
    const TemporaryDirectory directory;
    directory.make_file("large", std::string(101, 'x'));
    EXPECT_EQ(read_file(directory.fd(), "large", 101).size(), 101U);
    EXPECT_TRUE(refuses([&] { read_file(directory.fd(), "large", 100); }, "large", "100 bytes"));
}

TEST(Files, ADirectoryIsNoFile) {
    const TemporaryDirectory directory;
    directory.make_directory("directory");
    EXPECT_THROW(read_file(directory.fd(), "directory"), SystemError);
    EXPECT_THROW(read_file_if_exists(directory.fd(), "directory"), SystemError);
}

TEST(Files, AnAtomicWriteReplacesAndLeavesNothingBeside) {
    const TemporaryDirectory directory;
    directory.make_file("file", "old");
    write_file_atomically(directory.fd(), "file", "new");
    EXPECT_EQ(read_file(directory.fd(), "file"), "new");
    EXPECT_FALSE(directory.has("file.tmp." + std::to_string(::getpid())));
}

TEST(Files, AnAtomicWriteReplacesALinkNotWhatItNames) {
    const TemporaryDirectory directory;
    directory.make_file("other", "untouched");
    directory.make_link("file", "other");
    write_file_atomically(directory.fd(), "file", "new");
    EXPECT_EQ(read_file(directory.fd(), "other"), "untouched");
    EXPECT_EQ(read_file(directory.fd(), "file"), "new");
}

TEST(Files, AFailedAtomicWriteLeavesNothingBeside) {
    const TemporaryDirectory directory;
    directory.make_directory("taken");
    EXPECT_THROW(write_file_atomically(directory.fd(), "taken", "new"), SystemError);
    EXPECT_FALSE(directory.has("taken.tmp." + std::to_string(::getpid())));
}

TEST(Files, ErrorsKeepErrnoAndNameTheirObject) {
    const auto failure = test::failure_of([] { read_file(AT_FDCWD, "/nonexistent/x"); });
    EXPECT_EQ(failure.message, "/nonexistent/x: cannot open: No such file or directory");
    EXPECT_FALSE(failure.is_usage);
}

} // namespace
} // namespace sandbox
