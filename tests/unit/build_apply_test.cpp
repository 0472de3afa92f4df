// SPDX-License-Identifier: Apache-2.0
// Outputs put into a workspace, without a build before it.
#include "build/apply.hpp"

#include "base/signals.hpp"
#include "build/copy_file.hpp"
#include "support.hpp"

namespace sandbox {
namespace {

using test::TemporaryDirectory;

const Checkpoint never = [] {};
const ShownPart everything;

TEST(ApplyOutputs, EndAtASignalWithEachFileOldOrNew) {
    const TemporaryDirectory upper;
    const TemporaryDirectory workspace;
    for (const char* name : {"a", "b", "c"}) {
        upper.make_file(name, "new");
        workspace.make_file(name, "old file");
    }
    const std::vector<Change> outputs = read_changes({upper.fd(), workspace.fd(), everything, never});
    ASSERT_EQ(outputs.size(), 3U);
    int left = 2;
    const Checkpoint checkpoint = [&left] {
        if (left-- == 0) {
            throw Interrupted{SIGTERM};
        }
    };
    EXPECT_THROW((void)apply_outputs({upper.fd(), workspace.fd(), everything, checkpoint}, outputs),
                 Interrupted);
    EXPECT_EQ(read_file_if_exists(workspace.fd(), "a"), "new");
    EXPECT_EQ(read_file_if_exists(workspace.fd(), "b"), "new");
    EXPECT_EQ(read_file_if_exists(workspace.fd(), "c"), "old file");
}

TEST(CopyFile, LeavesNothingWhereItIsInterrupted) {
    const TemporaryDirectory directory;
    directory.make_file("file", "content");
    directory.make_directory("copies");
    const UniqueFd source{::openat(directory.fd(), "file", O_RDONLY | O_CLOEXEC)};
    const UniqueFd copies{::openat(directory.fd(), "copies", O_RDONLY | O_CLOEXEC)};
    const Checkpoint checkpoint = [] { throw Interrupted{SIGINT}; };
    EXPECT_THROW(copy_file(source.get(), copies.get(), "copy", "copy", checkpoint), Interrupted);
    EXPECT_EQ(::unlinkat(directory.fd(), "copies", AT_REMOVEDIR), 0);
}

TEST(CopyFile, HolesStayHoles) {
    const TemporaryDirectory directory;
    directory.make_file("file", "begin");
    const UniqueFd source{::openat(directory.fd(), "file", O_RDWR | O_CLOEXEC)};
    constexpr off_t size = 1 << 30;
    ASSERT_EQ(::pwrite(source.get(), "middle", 6, size / 2), 6);
    ASSERT_EQ(::ftruncate(source.get(), size), 0);
    struct stat before {};
    ASSERT_EQ(::fstat(source.get(), &before), 0);
    copy_file(source.get(), directory.fd(), "copy", "copy", never);
    const UniqueFd copy{::openat(directory.fd(), "copy", O_RDONLY | O_CLOEXEC)};
    struct stat after {};
    ASSERT_EQ(::fstat(copy.get(), &after), 0);
    EXPECT_EQ(after.st_size, size);
    EXPECT_LE(after.st_blocks, before.st_blocks + 64);
    char text[6] = {};
    ASSERT_EQ(::pread(copy.get(), text, 5, 0), 5);
    EXPECT_EQ(std::string(text, 5), "begin");
    ASSERT_EQ(::pread(copy.get(), text, 6, size / 2), 6);
    EXPECT_EQ(std::string(text, 6), "middle");
}

} // namespace
} // namespace sandbox
