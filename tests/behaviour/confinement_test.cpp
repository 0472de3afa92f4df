// SPDX-License-Identifier: Apache-2.0
// What a program inside may do, and how the user changes that: filter, capabilities, privileges, devices,
// limits.
#include <linux/landlock.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <map>
#include <set>

#include "harness.hpp"

using namespace sandbox::test;

namespace {

class Confinement : public SandboxTest {
  protected:
    /// The value of a line of /proc/self/status, seen by the command.
    std::string status_line(const std::string& name, const Arguments& options) {
        const Result result = script("awk '$1 == \"" + name + ":\" {print $2}' /proc/self/status", options);
        EXPECT_EQ(result.status, 0) << result.err;
        return trimmed(result.out);
    }

    Result with_profile(const std::string& json, const std::string& text, const Arguments& options = {}) {
        write_text(scratch() / "profile.json", json);
        Arguments all{"--network", "none", "--seccomp", scratch() / "profile.json"};
        all.insert(all.end(), options.begin(), options.end());
        return script(text, all);
    }
};

constexpr const char* default_set = "00000000800405fb";

} // namespace

TEST_F(Confinement, IsOnByDefault) {
    EXPECT_EQ(status_line("Seccomp", {}), "2");
    EXPECT_EQ(status_line("NoNewPrivs", {}), "1");
    EXPECT_EQ(status_line("CapEff", {}), default_set);
    EXPECT_EQ(status_line("CapBnd", {}), default_set);
}

TEST_F(Confinement, IsOnForTheHostsRootToo) {
    const Result result =
        sandbox({"run", "host", "grep", "-E", "^(Seccomp|NoNewPrivs):", "/proc/self/status"});
    EXPECT_EQ(result.out, "NoNewPrivs:\t1\nSeccomp:\t2\n") << result.err;
}

TEST_F(Confinement, UnconfinedHasNoFilter) {
    EXPECT_EQ(status_line("Seccomp", {"--seccomp", "unconfined"}), "0");
}

TEST_F(Confinement, TheFilterForbidsNamespacesAndMounts) {
    EXPECT_NE(script("unshare -U true").status, 0);
    EXPECT_NE(script("mount -t tmpfs none /mnt").status, 0);
    EXPECT_EQ(script("unshare -U true", {"--seccomp", "unconfined"}).status, 0);
}

TEST_F(Confinement, TheFilterOpensWithACapability) {
    const Result result =
        script("mount -t tmpfs none /mnt && unshare -m true && hostname changed && hostname",
               {"--cap-add", "SYS_ADMIN"});
    EXPECT_EQ(result.out, "changed\n") << result.err;
}

TEST_F(Confinement, TheLogTellsWhatWouldHaveBeenDenied) {
    const Result result = script("mount -t proc none /mnt; unshare -U true; unshare -U true; echo done",
                                 {"--seccomp", "log", "--network", "none"});
    EXPECT_EQ(result.out, "done\n");
    EXPECT_TRUE(contains(result.err, "would have denied:\n")) << result.err;
    EXPECT_TRUE(contains(result.err, "\n  unshare 2 times\n")) << result.err;
    EXPECT_TRUE(contains(result.err, "\n  mount ")) << result.err;
}

TEST_F(Confinement, TheLogTellsThatNothingWould) {
    const Result result = script("true", {"--seccomp", "log"});
    EXPECT_TRUE(contains(result.err, "would have denied nothing")) << result.err;
}

TEST_F(Confinement, AProfileDecides) {
    const std::string profile = R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13},
        {"names": ["chmod", "fchmodat", "fchmodat2"], "action": "SCMP_ACT_ERRNO", "excludes": {"caps": ["CAP_NET_RAW"]}},
        {"names": ["no_such_call"], "action": "SCMP_ACT_KILL"}]})";
    const Result result = with_profile(profile, "mkdir /x; chmod 700 /tmp; grep Seccomp: /proc/self/status");
    EXPECT_EQ(result.out, "Seccomp:\t2\n");
    EXPECT_TRUE(contains(result.err, "Permission denied")) << result.err;
    EXPECT_TRUE(contains(result.err, "Operation not permitted")) << result.err;
    const Result opened = with_profile(profile, "chmod 700 /tmp && echo opened", {"--cap-add", "net_raw"});
    EXPECT_EQ(opened.out, "opened\n") << opened.err;
}

TEST_F(Confinement, AProfileThatChangesIsCompiledAnew) {
    const auto profile = [](const char* name) {
        return std::string{R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": [")"} + name +
               R"("], "action": "SCMP_ACT_ERRNO"}]})";
    };
    EXPECT_NE(with_profile(profile("symlink"), "ln -s a /b").status, 0);
    EXPECT_EQ(with_profile(profile("chroot"), "ln -s a /b").status, 0);
}

TEST_F(Confinement, AProfileIsCompiledOnceByAHelper) {
    REQUIRE_PROGRAM("strace");
    write_text(
        scratch() / "profile.json",
        R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["symlink"], "action": "SCMP_ACT_ERRNO"}]})");
    // Whether the helper was started. Not with the whole range: newuidmap cannot work under strace.
    const auto compiles = [&] {
        Arguments command{"strace", "-f", "-qq", "-e", "trace=execve", "-o", scratch() / "trace"};
        for (const std::string& word : sandbox_command(
                 {"run", "--network", "none", "--userns", "single", "--seccomp", scratch() / "profile.json",
                  busybox(), "sh", "-c", "grep Seccomp: /proc/self/status; ln -s a /b"})) {
            command.push_back(word);
        }
        const Result result = run(command, with_store({}));
        EXPECT_EQ(result.out, "Seccomp:\t2\n") << result.err;
        EXPECT_TRUE(contains(result.err, "Operation not permitted")) << result.err;
        return contains(read_text(scratch() / "trace"), "sandbox-aid");
    };
    EXPECT_TRUE(compiles());
    // A file that was written a moment ago might change within its clock's grain: it is kept a little later.
    EXPECT_TRUE(eventually([&] { return !compiles(); }, seconds{20}));
    EXPECT_FALSE(compiles());
}

TEST_F(Confinement, EveryHelperHasLandlockAsASecondWall) {
    REQUIRE_PROGRAM("strace");
    if (::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION) < 1) {
        GTEST_SKIP() << "this kernel has no Landlock";
    }
    write_text(scratch() / "profile.json", R"({"defaultAction": "SCMP_ACT_ALLOW"})");
    const bool network = ::access("/dev/net/tun", R_OK | W_OK) == 0;
    Arguments command{
        "strace", "-f", "-qq", "-o", scratch() / "trace", "-e", "trace=execve,landlock_restrict_self"};
    for (const std::string& word :
         sandbox_command({"run", "--userns", "single", "--seccomp", scratch() / "profile.json", "--network",
                          network ? "slirp" : "none", busybox(), "sh", "-c", "nc -w 5 10.0.2.2 9; true"})) {
        command.push_back(word);
    }
    const Result result = run(command, with_store({}));
    EXPECT_EQ(result.status, 0) << result.err;
    std::map<std::string, std::string> programs; // by pid
    std::set<std::string> confined;
    for (const std::string& line : lines_of(read_text(scratch() / "trace"))) {
        const std::string pid = line.substr(0, line.find(' '));
        if (contains(line, "execve(") && contains(line, "libexec/sandbox/")) {
            const auto begin = line.find("sandbox-", line.find("libexec/sandbox/"));
            programs[pid] = line.substr(begin, line.find('"', begin) - begin);
        } else if (contains(line, "landlock_restrict_self(") && line.ends_with("= 0")) {
            confined.insert(programs[pid]);
        }
    }
    std::set<std::string> wanted{"sandbox-aid", "sandbox-unpack"};
    if (network) {
        wanted.insert("sandbox-net");
    }
    EXPECT_EQ(confined, wanted) << read_text(scratch() / "trace");
}

TEST_F(Confinement, AProfileThatIsNoneIsNamed) {
    expect_failure(with_profile("{", "true"), 125, "--seccomp", "profile");
    expect_failure(with_profile("[]", "true"), 125, "--seccomp", "defaultAction");
    expect_failure(with_profile(R"({"defaultAction": "SCMP_ACT_FLY"})", "true"), 125, "--seccomp",
                   "SCMP_ACT_FLY");
    expect_failure(script("true", {"--seccomp", "/nonexistent"}), 125, "--seccomp /nonexistent");
    expect_failure(script("true", {"--seccomp", "/etc"}), 125, "--seccomp /etc", "directory");
}

TEST_F(Confinement, TheContainersProfileWorks) {
    const std::string path = "/usr/share/containers/seccomp.json";
    if (::access(path.c_str(), R_OK) < 0) {
        GTEST_SKIP() << path << " is not here (containers-common)";
    }
    const Result result = script("mkdir /x && id -u; grep Seccomp: /proc/self/status", {"--seccomp", path});
    EXPECT_EQ(result.out, "0\nSeccomp:\t2\n") << result.err;
}

TEST_F(Confinement, CapabilitiesAreAddedAndDropped) {
    EXPECT_EQ(status_line("CapEff", {"--cap-add", "CAP_NET_RAW"}), "00000000800425fb");
    EXPECT_EQ(status_line("CapEff", {"--cap-drop", "chown"}), "00000000800405fa");
    EXPECT_EQ(status_line("CapEff", {"--cap-drop", "all"}), "0000000000000000");
    EXPECT_EQ(status_line("CapEff", {"--cap-drop", "all", "--cap-add", "kill"}), "0000000000000020");
    EXPECT_EQ(status_line("CapBnd", {"--cap-drop", "all", "--cap-add", "kill"}), "0000000000000020");
    expect_failure(script("true", {"--cap-add", "fly"}), 125, "--cap-add fly", "no such capability");
}

TEST_F(Confinement, AllCapabilitiesAreThoseOfTheKernel) {
    const std::string all = status_line("CapEff", {"--cap-add", "all"});
    EXPECT_TRUE(all.starts_with("000001ff") && all.ends_with("ffffffff")) << all;
}

TEST_F(Confinement, AUserInsideHasNoCapabilityWithWhateverPrivileges) {
    for (const Arguments& more :
         {Arguments{}, Arguments{"--allow-new-privs"}, Arguments{"--cap-add", "all"}}) {
        Arguments options{"-u", "nobody"};
        options.insert(options.end(), more.begin(), more.end());
        EXPECT_EQ(status_line("CapEff", options), "0000000000000000");
        EXPECT_EQ(status_line("CapPrm", options), "0000000000000000");
        EXPECT_EQ(status_line("Seccomp", options), "2");
    }
}

TEST_F(Confinement, SetUidProgramsWorkWhereThatIsAllowed) {
    // su(1) of busybox is one: as nobody it asks root's shadow line, which is empty here, and becomes root.
    const std::string text =
        "mkdir /s && cp /bin/busybox /s/su && chmod 4755 /s/su && "
        "echo root::0:0:::/bin/sh > /etc/passwd && echo nobody::65534:65534:::/bin/sh >> "
        "/etc/passwd && su nobody -c '/s/su root -c \"id -u\"'";
    EXPECT_NE(script(text).out, "0\n");
    const Result allowed = script(text, {"--allow-new-privs"});
    EXPECT_EQ(allowed.out, "0\n") << allowed.err;
}

TEST_F(Confinement, ADeviceIsThereAndCanBeOpened) {
    if (::access("/dev/fuse", R_OK | W_OK) < 0) {
        GTEST_SKIP() << "/dev/fuse is not usable";
    }
    EXPECT_EQ(script("exec 3<>/dev/fuse && echo open", {"--device", "/dev/fuse"}).out, "open\n");
    EXPECT_EQ(script("exec 3<>/dev/some/where && echo open", {"--device", "/dev/fuse:/dev/some/where"}).out,
              "open\n");
    EXPECT_NE(script("[ -e /dev/fuse ]").status, 0);
}

TEST_F(Confinement, ADeviceThatIsNoneIsRefused) {
    expect_failure(script("true", {"--device", "/etc/passwd"}), 125, "--device /etc/passwd", "not a device");
    expect_failure(script("true", {"--device", "/dev/none"}), 125, "--device /dev/none");
    expect_failure(script("true", {"--device", "dev/null"}), 125, "--device dev/null",
                   "not an absolute path");
    expect_failure(script("true", {"--device", "/dev/../dev/null"}), 125, "--device", "not an absolute path");
}

TEST_F(Confinement, UlimitsAreSet) {
    const Result result =
        script("ulimit -S -n; ulimit -H -n; ulimit -c; ulimit -f",
               {"--ulimit", "nofile=100:200", "--ulimit", "core=0", "--ulimit", "FSIZE=1024000"});
    EXPECT_EQ(result.out, "100\n200\n0\n2000\n") << result.err;
}

TEST_F(Confinement, UlimitsHold) {
    EXPECT_NE(script("ulimit -n 300", {"--ulimit", "nofile=100:200"}).status, 0);
    EXPECT_EQ(
        script("dd if=/dev/zero of=/big bs=1k count=100 2>/dev/null", {"--ulimit", "fsize=1024"}).status,
        128 + SIGXFSZ);
}

TEST_F(Confinement, AnUlimitAboveOnesOwnIsAnErrorBeforeTheStart) {
    RunOptions options;
    options.in_child = [] {
        const rlimit low{64, 128};
        (void)::setrlimit(RLIMIT_NOFILE, &low);
    };
    expect_failure(script("true", {"--ulimit", "nofile=256"}, options), 125, "--ulimit nofile=256",
                   "hard limit, 128");
    EXPECT_EQ(script("ulimit -n", {"--ulimit", "nofile=100"}, options).out, "100\n");
}

TEST_F(Confinement, AnUlimitThatIsNoneIsRefused) {
    for (const char* value :
         {"files=1", "nofile", "nofile=", "nofile=x", "nofile=1:2:3", "nofile=2:1", "nofile=-2"}) {
        expect_failure(script("true", {"--ulimit", value}), 125, "--ulimit " + std::string{value});
    }
}

TEST_F(Confinement, ALimitThatCannotBeEnforcedIsAnError) {
    std::vector<Arguments> limits{{"--memory", "64m"}, {"--cpus", "0.5"}, {"--pids-limit", "20"}};
    std::string disk; // any: whether it can be limited is seen later than whether there is a cgroup
    for (const auto& entry : std::filesystem::directory_iterator{"/sys/block"}) {
        const std::string path = "/dev/" + entry.path().filename().string();
        disk = ::access(path.c_str(), F_OK) == 0 ? path : disk;
    }
    if (!disk.empty()) {
        limits.push_back({"--device-write-bps", disk + ":1m"});
    }
    for (const Arguments& limit : limits) {
        const Result result = script("true", limit,
                                     {.environment = {{"DBUS_SESSION_BUS_ADDRESS", "unix:path=/none"},
                                                      {"XDG_RUNTIME_DIR", std::nullopt}}});
        if (result.status == 0) {
            continue; // this process is in a cgroup of its user's
        }
        expect_failure(result, 125, limit.front(), "cannot be enforced", "systemd");
    }
}

TEST_F(Confinement, ARateOfWhatIsNoDiskIsRefused) {
    expect_failure(script("true", {"--device-read-bps", "/dev/null:1m"}), 125,
                   "--device-read-bps /dev/null:1m", "not a block device");
    expect_failure(script("true", {"--device-write-bps", "/dev/none:1m"}), 125,
                   "--device-write-bps /dev/none:1m");
    expect_failure(script("true", {"--device-write-bps", "/dev/null"}), 125, "--device-write-bps /dev/null",
                   "not of the form");
}
