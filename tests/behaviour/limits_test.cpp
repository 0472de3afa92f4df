// SPDX-License-Identifier: Apache-2.0
// --memory, --cpus, --pids-limit and the rates of disks, held by a cgroup: delegated to this user, or the
// user's systemd's. tests/vm runs these where there is one.
#include <signal.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <memory>

#include "harness.hpp"

using namespace sandbox::test;
namespace fs = std::filesystem;

/// Skips the test where this user has no cgroup with those controllers.
#define NEED_LIMIT(...)      \
    if (!can({__VA_ARGS__})) \
    GTEST_SKIP() << "no cgroup with that controller is delegated to this user"

namespace {

class Limits : public SandboxTest {
  protected:
    bool can(const Arguments& limit) {
        const Result result = script("true", limit);
        return result.status == 0 || !contains(result.err, "cannot be enforced");
    }

    /// A sandbox that runs until it is ended, with its cgroup as seen from here.
    struct Running {
        std::unique_ptr<Process> process;
        fs::path cgroup = {}; ///< the one with the limits; the processes are in "payload" below it
    };
    Running start(const Arguments& options, const std::string& text = "echo up; exec sleep 600") {
        Arguments arguments{"run", "--network", "none"};
        arguments.insert(arguments.end(), options.begin(), options.end());
        arguments.insert(arguments.end(), {busybox(), "sh", "-c", text});
        Running running{std::make_unique<Process>(sandbox_command(arguments), with_store({}))};
        EXPECT_TRUE(running.process->wait_for_output("up\n")) << running.process->err();
        const std::string init = std::to_string(find_descendant("sandbox-init"));
        for (const std::string& line : lines_of(read_text("/proc/" + init + "/cgroup"))) {
            if (line.starts_with("0::/")) {
                const bool beside = fs::exists("/sys/fs/cgroup/unified");
                running.cgroup =
                    fs::path{beside ? "/sys/fs/cgroup/unified" : "/sys/fs/cgroup"} / line.substr(4);
            }
        }
        EXPECT_EQ(running.cgroup.filename(), "payload");
        running.cgroup = running.cgroup.parent_path();
        return running;
    }
};

/// A whole disk of the host, or "".
std::string disk() {
    for (const auto& entry : fs::directory_iterator{"/sys/block"}) {
        const std::string path = "/dev/" + entry.path().filename().string();
        if (fs::is_block_file(path) && !entry.path().filename().string().starts_with("loop")) {
            return path;
        }
    }
    return "";
}

} // namespace

TEST_F(Limits, AreTheCgroups) {
    NEED_LIMIT("--memory", "64m", "--cpus", "0.5", "--pids-limit", "20");
    Running running = start({"--memory", "64m", "--cpus", "0.5", "--pids-limit", "20"});
    EXPECT_EQ(read_text(running.cgroup / "memory.max"), "67108864\n");
    EXPECT_EQ(read_text(running.cgroup / "cpu.max"), "50000 100000\n");
    EXPECT_EQ(read_text(running.cgroup / "pids.max"), "20\n");
    if (fs::exists(running.cgroup / "memory.swap.max")) {
        EXPECT_EQ(read_text(running.cgroup / "memory.swap.max"), "0\n");
    }
    running.process->signal(SIGKILL);
}

TEST_F(Limits, ProcessesAreCounted) {
    NEED_LIMIT("--pids-limit", "20");
    const Result result =
        script("i=0; while [ $i -lt 60 ]; do sleep 5 & i=$((i+1)); done; echo all", {"--pids-limit", "20"});
    EXPECT_FALSE(contains(result.out, "all"));
}

TEST_F(Limits, AForkBombIsHeldAndEnds) {
    NEED_LIMIT("--pids-limit", "30");
    const Result result =
        script("bomb() { bomb | bomb & }; bomb; sleep 2; exit 7", {"--pids-limit", "30", "--timeout", "20"});
    EXPECT_TRUE(result.status == 7 || result.status == 2) << result.status << result.err; // no more forks: 2
    EXPECT_TRUE(eventually([] { return descendants().empty(); }));
}

TEST_F(Limits, NoRoomForTheCommandIsNoMissingCommand) {
    NEED_LIMIT("--pids-limit", "1");
    expect_failure(script("true", {"--pids-limit", "1"}), 125, "command", "", "--pids-limit leaves no room");
}

TEST_F(Limits, ProcessorTimeIsCounted) {
    NEED_LIMIT("--cpus", "0.5");
    Running running = start({"--cpus", "0.5"}, "echo up; while :; do :; done");
    EXPECT_TRUE(eventually([&] {
        const std::string text = read_text(running.cgroup / "cpu.stat");
        return contains(text, "nr_throttled ") && !contains(text, "nr_throttled 0\n");
    })) << read_text(running.cgroup / "cpu.stat");
    running.process->signal(SIGKILL);
}

TEST_F(Limits, AMemoryHogIsKilledAndThatIsSaidInOneLine) {
    NEED_LIMIT("--memory", "32m");
    const Result result = script("exec tail /dev/zero", {"--memory", "32m"});
    EXPECT_EQ(result.status, 137);
    EXPECT_EQ(lines_of(result.err).size(), 1U) << result.err;
    EXPECT_TRUE(contains(result.err, "--memory: the limit was reached")) << result.err;
}

TEST_F(Limits, AHogThatIsKilledBelowTheCommandIsSaidToo) {
    NEED_LIMIT("--memory", "32m");
    const Result result = script("tail /dev/zero; echo $?; exit 3", {"--memory", "32m"});
    EXPECT_EQ(result.out, "137\n");
    EXPECT_EQ(result.status, 3);
    EXPECT_TRUE(contains(result.err, "--memory: the limit was reached")) << result.err;
}

TEST_F(Limits, MemoryThatIsEnoughIsNoMatter) {
    NEED_LIMIT("--memory", "64m");
    const Result result = script("head -c 1000000 /dev/zero | wc -c", {"--memory", "64m"});
    EXPECT_EQ(result.out, "1000000\n");
    EXPECT_EQ(result.err, "");
}

TEST_F(Limits, TheCgroupIsItsOwnRoot) {
    NEED_LIMIT("--pids-limit", "20");
    EXPECT_TRUE(contains(script("cat /proc/self/cgroup", {"--pids-limit", "20"}).out, "0::/\n"));
}

TEST_F(Limits, TheCgroupGoesWithTheSandbox) {
    NEED_LIMIT("--pids-limit", "20");
    Running running = start({"--pids-limit", "20"});
    ASSERT_TRUE(fs::exists(running.cgroup / "pids.max"));
    running.process->signal(SIGTERM);
    (void)running.process->wait();
    EXPECT_TRUE(eventually([&] { return !fs::exists(running.cgroup); })) << running.cgroup;
}

TEST_F(Limits, WhatAKilledOneLeftGoesWithItsScopeOrTheNextStart) {
    NEED_LIMIT("--pids-limit", "20");
    Running running = start({"--pids-limit", "20"});
    running.process->signal(SIGKILL);
    (void)running.process->wait();
    EXPECT_TRUE(eventually([] { return descendants().empty(); }));
    EXPECT_EQ(script("true", {"--pids-limit", "20"}).status, 0);
    EXPECT_TRUE(eventually([&] { return !fs::exists(running.cgroup); })) << running.cgroup;
}

TEST_F(Limits, RatesOfADiskAreTheCgroups) {
    const std::string path = disk();
    if (path.empty()) {
        GTEST_SKIP() << "no disk is in sight";
    }
    NEED_LIMIT("--device-read-bps", path + ":1m");
    Running running = start({"--device-read-bps", path + ":10m", "--device-write-bps", path + ":5m"});
    struct stat status {};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(read_text(running.cgroup / "io.max"), std::to_string(major(status.st_rdev)) + ":" +
                                                        std::to_string(minor(status.st_rdev)) +
                                                        " rbps=10485760 wbps=5242880 riops=max wiops=max\n");
    running.process->signal(SIGKILL);
}

TEST_F(Limits, WhereIoIsNotDelegatedThatIsAnErrorThatSaysHow) {
    const std::string path = disk();
    if (path.empty()) {
        GTEST_SKIP() << "no disk is in sight";
    }
    const Result result = script("true", {"--device-write-bps", path + ":1m"});
    if (result.status != 0) {
        expect_failure(result, 125, "--device-write-bps " + path + ":1m", "cannot be enforced", "systemd");
    }
}
