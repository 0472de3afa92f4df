// SPDX-License-Identifier: Apache-2.0
// The row "Copy-out": outputs of a hostile build, and what they must not do to the workspace.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "build_fixture.hpp"

using namespace sandbox::test;
namespace fs = std::filesystem;

namespace {

class CopyOutHostile : public BuildTest {};

} // namespace

// A link that is put where the next file goes: whoever copies through it writes elsewhere.
TEST_F(CopyOutHostile, Cve2019_10152_ASymlinkOutOfTheWorkspaceIsRefused) {
    put("a", "a");
    for (const char* target : {"/etc/passwd", "..", "../../x", "d/../../x", "/build/a"}) {
        const Result result = build(std::string{"mkdir d; ln -s "} + target + " link; echo 1 > new");
        expect_failure(result, 125, "output link", "symbolic link that leads out of the workspace");
        EXPECT_EQ(listing(), "a");
    }
}

TEST_F(CopyOutHostile, Cve2019_10152_LinksThatLeadOutTogetherAreRefused) {
    // Each stays inside by its words; the second leaves by the first.
    const Result result = build("mkdir -p x/y; ln -s ../.. x/y/up; ln -s y/up/../etc x/out");
    expect_failure(result, 125, "output x/", "leads out of the workspace");
    EXPECT_EQ(listing(), "");
}

TEST_F(CopyOutHostile, LinksWithinTheWorkspaceAreTaken) {
    put("a", "a");
    EXPECT_EQ(build("mkdir -p x/y; ln -s ../../a x/y/up; ln -s nowhere dangling; ln -s x/y dir").status, 0);
    EXPECT_EQ(listing(), "a dangling dir x x/y x/y/up");
}

// The workspace has a link to elsewhere, and the build writes "through" it: inside it leads nowhere.
TEST_F(CopyOutHostile, Cve2023_0778_AWorkspacesOwnLinkIsNotWrittenThrough) {
    fs::create_directory(scratch() / "outside");
    fs::create_directory_symlink(scratch() / "outside", workspace() / "link");
    const Result result = build("rm link; mkdir link; echo 1 > link/file", {"--output", "link"});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_TRUE(fs::is_empty(scratch() / "outside"));
    EXPECT_EQ(get("link/file"), "1\n");
    EXPECT_FALSE(fs::is_symlink(workspace() / "link"));
}

TEST_F(CopyOutHostile, Cve2026_39860_AWorkspaceSwappedForALinkMeanwhileIsNotFollowed) {
    fs::create_directory(workspace() / "out");
    fs::create_directory(scratch() / "outside");
    RunOptions options;
    options.directory = workspace();
    options.keep_stdin_open = true;
    Process process(sandbox_command({"build", "--output", "out/file", "--", "sh", "-c",
                                     "echo 1 > out/file; echo ready; read x; true"}),
                    with_store(options));
    ASSERT_TRUE(process.wait_for_output("ready"));
    fs::remove(workspace() / "out");
    fs::create_directory_symlink(scratch() / "outside", workspace() / "out");
    process.close_stdin();
    const Result result = process.wait();
    EXPECT_EQ(result.status, 125) << result.err;
    EXPECT_TRUE(fs::is_empty(scratch() / "outside"));
}

TEST_F(CopyOutHostile, SpecialFilesAreRefused) {
    expect_failure(build("mkfifo pipe"), 125, "output pipe",
                   "neither a file, a directory nor a symbolic link");
    EXPECT_EQ(listing(), "");
    EXPECT_EQ(build("mkfifo pipe; echo 1 > a", {"--output", "a"}).status, 0);
    EXPECT_EQ(build("mknod device c 1 3").status, 1);
    EXPECT_EQ(build("mknod whiteout c 0 0").status, 1);
}

// A set-user-ID file of the build's user would be yours outside, for everybody to run.
TEST_F(CopyOutHostile, SetIdBitsAreTakenAway) {
    const Result result =
        build("cp /bin/sh own; chmod 6755 own; mkdir d; cp /bin/sh d/own; chmod 4755 d/own");
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_TRUE(contains(result.err, "set-user-ID")) << result.err;
    for (const char* name : {"own", "d/own"}) {
        struct stat status {};
        ASSERT_EQ(::stat((workspace() / name).c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 07777U, 0755U) << name;
    }
}

// overlayfs' own marks, made by the build, would make a later mount show what it likes.
TEST_F(CopyOutHostile, MarksOfOverlaysAreNotLeftInOutputs) {
    REQUIRE_PROGRAM("getfattr");
    put("d/a", "a");
    EXPECT_EQ(build("rm -r d; mkdir d; echo 1 > d/b; echo 2 >> new; mkdir -p e/f; touch e/f/g").status, 0);
    EXPECT_EQ(run({"getfattr", "-R", "-h", "-m", "overlay", workspace().string()}).out, "");
}

TEST_F(CopyOutHostile, AHardlinkToElsewhereCannotBeMade) {
    const Result result = build("ln /etc/passwd stolen 2>&1 || ln /bin/sh stolen 2>&1; ls -A");
    EXPECT_TRUE(contains(result.out, "cross-device") || contains(result.out, "Cross-device") ||
                contains(result.out, "not permitted"))
        << result.out;
    EXPECT_EQ(listing(), "");
}

TEST_F(CopyOutHostile, NamesDoNotDriveTheTerminal) {
    const Result result = build("touch \"$(printf 'a\\033[2Jb')\" x", {"--output", "x"});
    EXPECT_EQ(result.status, 0);
    EXPECT_TRUE(contains(result.err, "a\\x1b[2Jb")) << result.err;
}

TEST_F(CopyOutHostile, ATreeDeeperThanAnyPathIsRefused) {
    REQUIRE_PROGRAM("python3");
    put("deep.py", "import os\nfor i in range(900):\n    os.mkdir('directory')\n    os.chdir('directory')\n");
    const Result result = build("python3 deep.py");
    EXPECT_EQ(result.status, 125) << result.err;
    EXPECT_TRUE(contains(result.err, "File name too long")) << result.err;
    EXPECT_EQ(listing(), "deep.py");
}

TEST_F(CopyOutHostile, AFullDiskInsideIsTheBuildsOwnFailure) {
    put("a", "a");
    const Result result =
        build("echo changed > a; ulimit -f 8; dd if=/dev/zero of=big bs=4096 count=64 2>/dev/null");
    EXPECT_NE(result.status, 0);
    EXPECT_EQ(get("a"), "a");
    EXPECT_EQ(listing(), "a");
}

// What lies beside the workspace, or is hidden from the build, is out of its reach by whatever path.
TEST_F(CopyOutHostile, HiddenPartsOfTheWorkspaceCannotBeReached) {
    put("a", "a");
    put("secret", "s3cret");
    const Result result = build(
        "cat secret ../build/secret /proc/self/cwd/secret /proc/1/cwd/build/secret; "
        "find / -xdev -name secret; mv secret x; ln secret y; grep -r s3cret . || true",
        {"--input", "a"});
    EXPECT_FALSE(contains(result.out, "s3cret")) << result.out;
    EXPECT_EQ(get("secret"), "s3cret");
}
