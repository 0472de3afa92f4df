// SPDX-License-Identifier: Apache-2.0
// Point 7, second half: the options about the process and its namespaces.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive.hpp"
#include "harness.hpp"

using namespace sandbox::test;
namespace fs = std::filesystem;

namespace {

class ProcessOptions : public SandboxTest {
  protected:
    std::string said(const std::string& text, const Arguments& options, const RunOptions& run_options = {}) {
        const Result result = script(text, options, run_options);
        EXPECT_EQ(result.status, 0) << result.err;
        return result.out;
    }
    static std::string own(const char* name_space) {
        return fs::read_symlink(std::string{"/proc/self/ns/"} + name_space).string() + "\n";
    }
};

using EnvironmentRules = ProcessOptions;
using UserLookup = ProcessOptions;
using Share = ProcessOptions;

} // namespace

TEST_F(EnvironmentRules, AnImageGetsTheDefaultsAndNothingElse) {
    RunOptions options;
    options.environment = {{"TERM", "vt100"}, {"LANG", "de_DE.UTF-8"}, {"OTHER", "x"}};
    EXPECT_EQ(said("env -u PWD -u SHLVL | sort", {"--no-http-proxy"}, options),
              "HOME=/root\nLANG=C.UTF-8\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/"
              "bin\nTERM=vt100\n"
              "USER=root\n");
}

TEST_F(EnvironmentRules, EnvSetsAValueAndPassesTheCallers) {
    RunOptions options;
    options.environment = {{"CALLERS", "passed on"}, {"MISSING", std::nullopt}};
    EXPECT_EQ(said("echo \"$A|$B|$CALLERS|${MISSING-unset}\"",
                   {"-e", "A=one two", "--env", "B=a=b", "-e", "CALLERS", "-e", "MISSING"}, options),
              "one two|a=b|passed on|unset\n");
}

TEST_F(EnvironmentRules, TheLastValueWins) {
    EXPECT_EQ(said("echo $A; env | grep -c '^A='", {"-e", "A=1", "-e", "A=2"}), "2\n1\n");
}

TEST_F(EnvironmentRules, EnvFileHoldsLinesAndComments) {
    write_text(scratch() / "env", "# comment\n\nA=one\nB= kept blanks \nCALLERS\nC=a#b\n");
    RunOptions options;
    options.environment = {{"CALLERS", "too"}};
    EXPECT_EQ(said("echo \"$A|$B|$CALLERS|$C\"", {"--env-file", scratch() / "env"}, options),
              "one| kept blanks |too|a#b\n");
}

TEST_F(EnvironmentRules, ClearEnvLeavesOnlyWhatIsGiven) {
    EXPECT_EQ(sandbox({"run", "--clear-env", "-e", "A=1", busybox(), "env"}).out, "A=1\n");
}

TEST_F(EnvironmentRules, ProxiesArePassedWithANetwork) {
    RunOptions options;
    options.environment = {{"https_proxy", "http://proxy:1"}, {"NO_PROXY", "here"}};
    EXPECT_EQ(said("echo $https_proxy $NO_PROXY", {}, options), "http://proxy:1 here\n");
    EXPECT_EQ(said("echo $https_proxy $NO_PROXY", {"--http-proxy"}, options), "http://proxy:1 here\n");
    EXPECT_EQ(said("echo ${https_proxy-none}", {"--no-http-proxy"}, options), "none\n");
    EXPECT_EQ(said("echo ${https_proxy-none}", {"--network", "none"}, options), "none\n");
}

TEST_F(EnvironmentRules, HomeAndUserAreTheImagesUsers) {
    EXPECT_EQ(said("echo $HOME $USER", {"-u", "user"}), "/home/user user\n");
}

TEST_F(UserLookup, NamesComeFromTheImage) {
    EXPECT_EQ(said("id -u; id -g; id -un", {"-u", "user"}), "1000\n1000\nuser\n");
}

TEST_F(UserLookup, NumbersNeedNoEntry) {
    EXPECT_EQ(said("id -u; id -g", {"--user", "4321:1234"}), "4321\n1234\n");
}

TEST_F(UserLookup, ANumberTakesItsEntrysGroup) {
    EXPECT_EQ(said("id -u; id -g", {"-u", "1000"}), "1000\n1000\n");
}

TEST_F(UserLookup, GroupsComeFromTheImage) {
    const std::string image =
        write_image(scratch() / "users.tar",
                    {{"etc/", "", '5'},
                     {"etc/passwd", "root:x:0:0::/root:/bin/sh\nann:x:500:600::/home/ann:/bin/sh\n"},
                     {"etc/group", "root:x:0:\nstaff:x:50:ann\nann:x:600:\nwheel:x:10:bob,ann\n"}});
    // The kernel sorts them as it likes.
    EXPECT_EQ(sandbox({"run", "-u", "ann", image, "sh", "-c",
                       "id -g; for g in $(id -G); do echo $g; done | sort -n"})
                  .out,
              "600\n10\n50\n600\n");
    EXPECT_EQ(sandbox({"run", "-u", "ann:staff", image, "id", "-G"}).out, "50\n");
}

TEST_F(UserLookup, APasswdThatLeadsOutIsNotTheHosts) {
    const std::string image =
        write_image(scratch() / "users.tar",
                    {{"etc/", "", '5'}, {.name = "etc/passwd", .type = '2', .link = "/../../etc/passwd"}});
    const std::string name = trimmed(run({"id", "-un"}).out);
    expect_failure(sandbox({"run", "-u", name, image, "id", "-u"}), 125, "--user " + name);
}

TEST_F(UserLookup, AFifoInPlaceOfPasswdDoesNotHang) {
    const std::string image =
        write_image(scratch() / "users.tar", {{"etc/", "", '5'}, {.name = "etc/passwd", .type = '6'}});
    // Not by id: it would read the FIFO itself.
    const Result result = sandbox({"run", "-u", "5", image, "cat", "/proc/self/status"});
    EXPECT_TRUE(contains(result.out, "\nUid:\t5\t")) << result.out << result.err;
}

TEST_F(UserLookup, TheShellIsTheUsersOwn) {
    const std::string image =
        write_image(scratch() / "users.tar", {{"etc/", "", '5'},
                                              {"etc/passwd", "root:x:0:0::/root:/bin/special\n"},
                                              {"bin/special", "#!/bin/sh\necho special\n"}});
    EXPECT_EQ(sandbox({"shell", image}).out, "special\n");
}

TEST_F(ProcessOptions, WorkdirIsWhereTheCommandStarts) {
    EXPECT_EQ(said("pwd", {"-w", "/etc"}), "/etc\n");
    EXPECT_EQ(said("pwd", {}), "/\n");
}

TEST_F(ProcessOptions, WorkdirThroughADescriptorOfTheHostIsRefused) {
    // CVE-2024-21626: a directory of the host's left open, and the way to it through /proc.
    RunOptions options;
    options.in_child = [] { ::dup2(::open("/etc", O_RDONLY | O_DIRECTORY), 7); };
    for (const char* place : {"/proc/self/fd/7", "/proc/self/fd/7/..", "/proc/thread-self/fd/3"}) {
        const Result result = script("ls", {"-w", place}, options);
        EXPECT_EQ(result.status, 125) << place;
        EXPECT_EQ(result.out, "") << place;
    }
}

TEST_F(ProcessOptions, HostileDescriptorsAreNotInherited) {
    RunOptions options;
    options.in_child = [] {
        for (const int fd : {3, 4, 9, 50, 1000}) {
            ::dup2(::open("/", O_RDONLY | O_DIRECTORY), fd);
        }
    };
    EXPECT_EQ(said("ls /proc/self/fd | tr '\\n' ' '", {}, options), "0 1 2 3 "); // 3: ls reads the directory
    EXPECT_EQ(said("ls /proc/self/fd | tr '\\n' ' '", {"--no-init"}, options), "0 1 2 3 ");
}

TEST_F(ProcessOptions, ClosedStandardDescriptorsDoNoHarm) {
    RunOptions options;
    options.in_child = [] {
        ::close(0);
        ::close(2);
    };
    EXPECT_EQ(said("cat; echo out", {}, options), "out\n");
}

TEST_F(ProcessOptions, PreserveFdsPassesThoseAskedFor) {
    write_text(scratch() / "file", "through 3\n");
    RunOptions options;
    options.in_child = [path = (scratch() / "file").string()] {
        const int fd = ::open(path.c_str(), O_RDONLY);
        ::dup2(fd, 3);
        ::dup2(fd, 4);
        ::dup2(fd, 5);
    };
    EXPECT_EQ(said("cat <&3; ls -d /proc/self/fd/4 /proc/self/fd/5 2>/dev/null; true",
                   {"--preserve-fds", "2"}, options),
              "through 3\n/proc/self/fd/4\n");
}

TEST_F(ProcessOptions, HostnameIsSet) {
    EXPECT_EQ(said("hostname; cat /etc/hostname; grep -c ' box$' /etc/hosts", {"-h", "box"}),
              "box\nbox\n1\n");
}

TEST_F(ProcessOptions, EntrypointTakesTheRestAsArguments) {
    EXPECT_EQ(sandbox({"run", "--entrypoint", "/bin/echo", busybox(), "sh", "-c", "words"}).out,
              "sh -c words\n");
    EXPECT_EQ(sandbox({"run", "--entrypoint", "id", busybox()}).out.substr(0, 5), "uid=0");
}

TEST_F(ProcessOptions, EntrypointOfAShellTakesItsArguments) {
    EXPECT_EQ(sandbox({"shell", "--entrypoint", "echo", busybox(), "--", "a", "b"}).out, "a b\n");
}

TEST_F(ProcessOptions, NoInitMakesTheCommandPidOne) {
    EXPECT_EQ(said("echo $$", {"--no-init"}), "1\n");
    EXPECT_NE(said("echo $$", {"--init"}), "1\n");
}

TEST_F(ProcessOptions, NoInitPassesTheStatusOn) {
    EXPECT_EQ(script("exit 9", {"--no-init"}).status, 9);
}

TEST_F(ProcessOptions, TtyGivesATerminalToPipesToo) {
    EXPECT_EQ(said("test -t 0 && test -t 1 && tty", {"-t"}), "/dev/pts/0\r\n");
    EXPECT_EQ(script("test -t 0", {"-T"}).status, 1);
}

TEST_F(ProcessOptions, PodmansHabitsAreTaken) {
    EXPECT_EQ(said("echo ok", {"--rm", "-i"}), "ok\n");
    EXPECT_EQ(said("echo ok", {"-it"}), "ok\r\n");
}

TEST_F(ProcessOptions, TimeOffsetShiftsTheMonotonicClock) {
    const std::string uptime = said("cut -d. -f1 /proc/uptime", {"--time-offset", "1000000"});
    const double here = std::stod(read_text("/proc/uptime"));
    EXPECT_NEAR(std::stod(uptime), here + 1000000, 60);
}

TEST_F(ProcessOptions, SeveralIdsOfOptionsCanBeJoinedInOneWord) {
    EXPECT_EQ(said("pwd", {"-w/etc", "-qhbox"}), "/etc\n");
    EXPECT_EQ(said("hostname", {"--hostname=box"}), "box\n");
}

TEST_F(Share, PidKeepsTheHostsProcesses) {
    EXPECT_EQ(
        said("readlink /proc/self/ns/pid; test -d /proc/" + std::to_string(::getpid()) + " && echo seen",
             {"--share", "pid"}),
        own("pid") + "seen\n");
}

TEST_F(Share, PidLeavesNoProcessBehind) {
    EXPECT_EQ(
        script("sleep 1000 & setsid sleep 1001 & (setsid sleep 1002 &) ; exit 3", {"--share", "pid"}).status,
        3);
    EXPECT_TRUE(eventually([] { return descendants().empty(); }, seconds{3}));
}

TEST_F(Share, NetKeepsTheHostsNetwork) {
    EXPECT_EQ(said("readlink /proc/self/ns/net", {"--share", "net"}), own("net"));
}

TEST_F(Share, IpcKeepsTheHostsIpc) {
    EXPECT_EQ(said("readlink /proc/self/ns/ipc", {"--share", "ipc"}), own("ipc"));
}

TEST_F(Share, UtsKeepsTheHostsName) {
    EXPECT_EQ(said("readlink /proc/self/ns/uts; hostname", {"--share", "uts"}),
              own("uts") + run({"hostname"}).out);
}

TEST_F(Share, CgroupKeepsTheHostsCgroupNamespace) {
    EXPECT_EQ(said("readlink /proc/self/ns/cgroup", {"--share", "cgroup"}), own("cgroup"));
}

TEST_F(Share, TimeIsTheHosts) {
    EXPECT_EQ(said("readlink /proc/self/ns/time", {"--share", "time"}), own("time"));
}

TEST_F(Share, AllAtOnce) {
    EXPECT_EQ(said("echo fine", {"--share", "pid", "--share", "net", "--share", "ipc", "--share", "uts",
                                 "--share", "cgroup", "--share", "time"}),
              "fine\n");
}
