// SPDX-License-Identifier: Apache-2.0
// Point 5: the host's own root, read-only, with private places for what changes.
#include <unistd.h>

#include "terminal.hpp"

using namespace sandbox::test;
namespace fs = std::filesystem;

namespace {

class HostRoot : public SandboxTest {
  protected:
    Result host(const std::string& text, const Arguments& options = {}, const RunOptions& run_options = {}) {
        Arguments arguments{"run"};
        arguments.insert(arguments.end(), options.begin(), options.end());
        arguments.insert(arguments.end(), {"host", "sh", "-c", text});
        return sandbox(arguments, run_options);
    }
    std::string home() { return std::getenv("HOME"); }
};

} // namespace

TEST_F(HostRoot, RunsTheHostsPrograms) {
    const Result result = host("cat /etc/os-release");
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.out, read_text("/etc/os-release"));
}

TEST_F(HostRoot, IsTheShellsImageWhereNoneIsNamed) {
    RunOptions options;
    options.input = "echo on $(hostname); exit 3\n";
    const Result result = sandbox({"shell"}, options);
    EXPECT_EQ(result.status, 3) << result.err;
    EXPECT_TRUE(contains(result.out, "on sandbox")) << result.out;
}

TEST_F(HostRoot, TakesShellArgumentsWithoutAnImage) {
    EXPECT_EQ(sandbox({"shell", "--", "-c", "echo $((6 * 7))"}).out, "42\n");
}

TEST_F(HostRoot, YouAreYourself) {
    EXPECT_EQ(host("id -u; id -g; id -un").out,
              std::to_string(::getuid()) + "\n" + std::to_string(::getgid()) + "\n" + run({"id", "-un"}).out);
}

TEST_F(HostRoot, CannotBeWritten) {
    const Result result =
        host("for d in / /etc /usr /opt /var/lib; do touch $d/x 2>&1; done | grep -c 'Read-only'");
    EXPECT_EQ(result.out, "5\n");
}

TEST_F(HostRoot, SubmountsCannotBeWrittenEither) {
    // Every file system below the root that is not the sandbox's own.
    const Result result = host(
        "awk '{split($4, o, \",\"); if (o[1] == \"rw\" && $3 !~ /^(tmpfs|proc|devpts|mqueue|"
        "devtmpfs)$/) print $2, $3}' /proc/mounts");
    EXPECT_EQ(result.out, "");
}

TEST_F(HostRoot, TmpVarTmpAndRunArePrivateAndWritable) {
    const Result result = host("ls -A /tmp /var/tmp /run | tr '\\n' ' '; touch /tmp/x /var/tmp/x && echo ok");
    EXPECT_EQ(result.out, "/run:  /tmp:  /var/tmp: ok\n") << result.err;
}

TEST_F(HostRoot, HomeIsAnEmptyDirectoryAtTheSamePath) {
    const Result result = host("ls -A \"$HOME\" | wc -l; touch \"$HOME/x\" && echo $HOME");
    EXPECT_EQ(result.out, "0\n" + home() + "\n") << result.err;
    EXPECT_FALSE(fs::exists(home() + "/x"));
}

TEST_F(HostRoot, HomeCanBeShownReadOnly) {
    write_text(scratch() / "file", "content");
    const Result result = host("cat '" + (scratch() / "file").string() + "'; touch '" + scratch().string() +
                                   "/new' 2>/dev/null || echo refused",
                               {"--home", "ro"});
    EXPECT_EQ(result.out, "contentrefused\n") << result.err;
}

TEST_F(HostRoot, HomeCanBeShownWritable) {
    const Result result = host("echo kept > '" + scratch().string() + "/new'", {"--home", "rw"});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(read_text(scratch() / "new"), "kept\n");
}

TEST_F(HostRoot, StartsInTheCurrentDirectoryWhereItIsVisible) {
    RunOptions options;
    options.directory = "/usr/share";
    const Result result = host("pwd", {}, options);
    EXPECT_EQ(result.out, "/usr/share\n");
    EXPECT_EQ(result.err, "");
}

TEST_F(HostRoot, StartsInTheRootWhereTheCurrentDirectoryIsHiddenAndTellsPeople) {
    RunOptions options;
    options.directory = "/tmp";
    Terminal terminal{sandbox_command({"run", "host", "pwd"}), options};
    EXPECT_TRUE(terminal.expect("starts in /"));
    EXPECT_TRUE(terminal.expect("\n/\r\n"));
    EXPECT_EQ(terminal.wait(), 0);
    EXPECT_EQ(host("pwd", {}, options).out, "/\n");
}

TEST_F(HostRoot, WorkspaceOpensOneDirectoryForWriting) {
    const fs::path work = scratch() / "work";
    fs::create_directory(work);
    RunOptions options;
    options.directory = work;
    const Result result = host("pwd; echo made > here", {"--workspace"}, options);
    EXPECT_EQ(result.out, work.string() + "\n") << result.err;
    EXPECT_EQ(read_text(work / "here"), "made\n");
}

TEST_F(HostRoot, KeepsTheCallersEnvironmentButNotItsSession) {
    RunOptions options;
    options.environment = {{"MINE", "kept"}, {"SSH_AUTH_SOCK", "/somewhere"}};
    EXPECT_EQ(host("echo $MINE ${SSH_AUTH_SOCK-none} ${XDG_RUNTIME_DIR-none}", {}, options).out,
              "kept none none\n");
}

TEST_F(HostRoot, WorksWhereTheRootHasLockedSubmounts) {
    // In a user namespace inside, every mount below / is locked to it: none can be left out of a bind.
    const Result result =
        run({"unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
             "mount -t tmpfs none /mnt && echo seen > /mnt/f && chmod 755 /mnt && "
             "exec unshare --user --map-current-user --mount \"$0\" run --network none host sh -c "
             "'cat /mnt/f; touch /mnt/x 2>/dev/null || echo refused'",
             sandbox_binary()},
            with_store({}));
    EXPECT_EQ(result.out, "seen\nrefused\n") << result.err;
}

TEST_F(HostRoot, NeedsNoStore) {
    RunOptions options;
    options.environment = {{"SANDBOX_ROOT", "/nonexistent/store"}};
    EXPECT_EQ(host("echo fine", {}, options).out, "fine\n");
}

TEST_F(HostRoot, HasProcessesAndDevicesOfItsOwn) {
    EXPECT_EQ(host("ls /proc | grep -c '^[0-9]'; ls /dev | grep -c -e sda -e vda -e kmsg").out, "4\n0\n");
}

TEST_F(HostRoot, RefusesOptionsOfTheWritableLayer) {
    expect_failure(sandbox({"run", "--storage", "copy", "host", "true"}), 125, "--storage");
}

TEST_F(HostRoot, SingleMakesYouRootInside) {
    EXPECT_EQ(host("id -u", {"--userns", "single"}).out, "0\n");
}

TEST_F(HostRoot, RootInsideCannotUncoverHome) {
    write_text(scratch() / "secret", "hunter2");
    const Result result = host("umount \"$HOME\" 2>/dev/null; cat '" + (scratch() / "secret").string() + "'",
                               {"--userns", "single"});
    EXPECT_EQ(result.out, "");
}

TEST_F(HostRoot, RootInsideCannotMakeTheRootWritable) {
    const Result result = host("mount -o remount,rw,bind / 2>/dev/null; grep -c ' / [^ ]* rw' /proc/mounts",
                               {"--userns", "single"});
    EXPECT_EQ(result.out, "0\n");
}
