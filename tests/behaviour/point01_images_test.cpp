// SPDX-License-Identifier: Apache-2.0
// Point 1: a shell and a command in real images, and the world they find inside.
#include <set>

#include "archive.hpp"
#include "harness.hpp"

using namespace sandbox::test;

namespace {

class MainJob : public SandboxTest {
  protected:
    std::string said(const std::string& text, const Arguments& options = {}) {
        const Result result = script(text, options);
        EXPECT_EQ(result.status, 0) << result.err;
        EXPECT_EQ(result.err, "");
        return result.out;
    }
};

} // namespace

TEST_F(MainJob, RunsACommandInTheAlpineArchive) {
    REQUIRE_IMAGE(image, "alpine-minirootfs-3.20.3-x86_64.tar.gz");
    const Result result = sandbox({"run", image, "cat", "/etc/alpine-release"});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.out, "3.20.3\n");
    EXPECT_EQ(result.err, "");
}

TEST_F(MainJob, RunsACommandInTheUnpackedAlpineArchive) {
    REQUIRE_IMAGE(image, "alpine-minirootfs-3.20.3-x86_64.tar");
    EXPECT_EQ(sandbox({"run", image, "cat", "/etc/alpine-release"}).out, "3.20.3\n");
}

TEST_F(MainJob, OpensTheShellOfTheAlpineArchive) {
    REQUIRE_IMAGE(image, "alpine-minirootfs-3.20.3-x86_64.tar.gz");
    RunOptions options;
    options.input = "echo shell $0; cat /etc/alpine-release; exit 7\n";
    const Result result = sandbox({"shell", image}, options);
    EXPECT_EQ(result.status, 7) << result.err;
    EXPECT_TRUE(contains(result.out, "shell /bin/sh")) << result.out; // root's, by the image's passwd
    EXPECT_TRUE(contains(result.out, "3.20.3"));
}

TEST_F(MainJob, RunsACommandInADebianArchiveSlow) {
    REQUIRE_IMAGE(image, "debian.tar");
    const Result result =
        sandbox({"run", image, "sh", "-c", ". /etc/os-release; echo $ID; dpkg --version | head -1"});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_TRUE(result.out.starts_with("debian\n")) << result.out;
    EXPECT_TRUE(contains(result.out, "dpkg"));
}

TEST_F(MainJob, DebiansShellIsBashSlow) {
    REQUIRE_IMAGE(image, "debian.tar");
    EXPECT_EQ(sandbox({"shell", image, "--", "-c", "echo $BASH"}).out, "/bin/bash\n");
}

TEST_F(MainJob, RunsACommandInTheBusyboxArchive) {
    EXPECT_EQ(said("echo hello"), "hello\n");
}

TEST_F(MainJob, RunsACommandInADirectoryThatIsARoot) {
    ASSERT_EQ(run({"sh", "-c", "mkdir \"$1\" && tar -xf \"$0\" -C \"$1\" --exclude='dev/*'", busybox(),
                   scratch() / "tree"})
                  .status,
              0);
    const Result result = sandbox({"run", scratch() / "tree", "sh", "-c", "echo in > /made; cat /made"});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.out, "in\n");
    EXPECT_FALSE(std::filesystem::exists(scratch() / "tree/made")) << "a live directory is never written";
}

TEST_F(MainJob, ShellArgumentsComeAfterTwoDashes) {
    const Result result = sandbox({"shell", busybox(), "--", "-c", "echo given: $0", "word"});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.out, "given: word\n");
}

TEST_F(MainJob, NeedsNoDashesBeforeTheCommandsOptions) {
    const Result result = sandbox({"run", busybox(), "ls", "-d", "/"});
    EXPECT_EQ(result.out, "/\n") << result.err;
}

TEST_F(MainJob, YouAreRootInside) {
    EXPECT_EQ(said("id -u; id -g; whoami"), "0\n0\nroot\n");
}

TEST_F(MainJob, PidOneIsAnInitAndNotTheCommand) {
    EXPECT_EQ(said("test $$ -ne 1 && test $PPID -eq 1 && echo yes"), "yes\n");
}

TEST_F(MainJob, PidOneReapsOrphans) {
    // Each subshell's child outlives it, becomes pid 1's, and ends.
    const std::string text =
        "for i in 1 2 3 4 5; do (sleep 0.05 &) ; done; sleep 0.4; ps -o stat,comm | grep -c '^Z'";
    EXPECT_EQ(script(text).out, "0\n");
}

TEST_F(MainJob, PidOneShowsNothingOfTheCaller) {
    RunOptions options;
    options.environment = {{"CALLERS_SECRET", "hunter2"}};
    const Result result =
        script("cat /proc/1/environ /proc/1/cmdline; ls -l /proc/1/exe /proc/1/cwd /proc/1/fd",
               {"-e", "GIVEN=swordfish"}, options);
    EXPECT_FALSE(contains(result.out, "hunter2")) << result.out;
    EXPECT_FALSE(contains(result.out, "swordfish")) << "values of -e in pid 1's command line: " << result.out;
    EXPECT_FALSE(contains(result.out, sandbox_binary())) << "a path of the host's: " << result.out;
}

TEST_F(MainJob, HostnameIsSandbox) {
    EXPECT_EQ(said("hostname; uname -n; cat /etc/hostname"), "sandbox\nsandbox\nsandbox\n");
}

TEST_F(MainJob, ProcShowsOnlyTheSandboxesProcesses) {
    // init, sh, and in a file, lest a second program of a pipeline be there or not yet, ls.
    EXPECT_EQ(said("ls /proc > /tmp/list; grep -c '^[0-9]' /tmp/list"), "3\n");
}

TEST_F(MainJob, SysIsMountedReadOnly) {
    EXPECT_EQ(said("grep -c ' /sys sysfs ro,' /proc/mounts; ls /sys | grep -c kernel"), "1\n1\n");
    EXPECT_NE(script("echo 1 > /sys/kernel/profiling").status, 0);
}

TEST_F(MainJob, DevHasTheStandardDevices) {
    EXPECT_EQ(said("cd /dev; for d in null zero full random urandom tty console ptmx; do test -c $d || echo "
                   "no $d; done"),
              "");
}

TEST_F(MainJob, DevHasPtsShmAndMqueue) {
    EXPECT_EQ(said("awk '$2 ~ \"^/dev/(pts|shm|mqueue)$\" {print $2, $3}' /proc/mounts | sort"),
              "/dev/mqueue mqueue\n/dev/pts devpts\n/dev/shm tmpfs\n");
}

TEST_F(MainJob, DevHasTheDescriptorLinks) {
    EXPECT_EQ(said("cd /dev; for l in fd stdin stdout stderr; do readlink $l; done; echo through > "
                   "/dev/stdout; echo x | cat /dev/fd/0"),
              "/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\nthrough\nx\n");
}

TEST_F(MainJob, DevicesDoWhatTheyShould) {
    EXPECT_EQ(said("echo gone > /dev/null; head -c 4 /dev/zero | wc -c; head -c 8 /dev/urandom | wc -c; "
                   "echo x 2>/dev/null > /dev/full || echo full"),
              "4\n8\nfull\n");
}

TEST_F(MainJob, DevHasNothingElseOfTheHost) {
    EXPECT_EQ(said("ls /dev | tr '\\n' ' '"),
              "console fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero ");
}

TEST_F(MainJob, TmpIsThereForEverybody) {
    EXPECT_EQ(said("echo x > /tmp/file && stat -c %a /tmp"), "1777\n");
}

TEST_F(MainJob, ResolvConfNamesTheSandboxesNameserver) {
    EXPECT_TRUE(contains(said("cat /etc/resolv.conf"), "nameserver 10.0.2.3\n"));
}

TEST_F(MainJob, HostsNamesLocalhostAndTheSandbox) {
    const std::string hosts = said("cat /etc/hosts");
    EXPECT_TRUE(contains(hosts, "127.0.0.1 localhost"));
    EXPECT_TRUE(contains(hosts, " sandbox\n"));
}

TEST_F(MainJob, NoFileSystemOfTheHostIsMounted) {
    const std::set<std::string> own{"overlay", "proc", "sysfs", "tmpfs", "devpts", "mqueue"};
    for (const std::string& line : lines_of(said("awk '{print $3, $2}' /proc/mounts"))) {
        const std::string type = line.substr(0, line.find(' '));
        const bool device = type == "devtmpfs" || contains(line, " /dev/") || contains(line, " /proc/");
        EXPECT_TRUE(own.count(type) == 1 || device) << line;
    }
}

TEST_F(MainJob, TheHostsHomeIsNotVisible) {
    write_text(scratch() / "of_the_host", "secret");
    EXPECT_EQ(script("cat " + (scratch() / "of_the_host").string()).status, 1);
}

TEST_F(MainJob, TheCallersVariablesAreNotVisible) {
    RunOptions options;
    options.environment = {{"CALLERS_SECRET", "hunter2"}};
    EXPECT_FALSE(contains(script("env", {}, options).out, "hunter2"));
}

TEST_F(MainJob, AnImageWithoutEtcOrTmpGetsThem) {
    const std::string image = write_image(scratch() / "bare.tar", {});
    const Result result =
        sandbox({"run", image, "sh", "-c", "cat /etc/hostname; ls -d /proc/self /sys/kernel /dev/null"});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.out, "sandbox\n/dev/null\n/proc/self\n/sys/kernel\n");
}

TEST_F(MainJob, ALinkInPlaceOfResolvConfIsMadeInside) {
    // As systemd-resolved's: it leads to a file that is not there.
    const std::string image = write_image(
        scratch() / "linked.tar",
        {{"etc/", "", '5'}, {"etc/resolv.conf", "", '2', "../run/systemd/resolve/stub-resolv.conf"}});
    const Result result = sandbox({"run", image, "cat", "/etc/resolv.conf"});
    EXPECT_TRUE(contains(result.out, "nameserver 10.0.2.3")) << result.err;
}
