// SPDX-License-Identifier: Apache-2.0
// Point 9: signals reach the command, its status comes back, and the end is the end of everything.
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "harness.hpp"

using namespace sandbox::test;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

namespace {

class SignalsAndEnd : public SandboxTest {
  protected:
    Process start(const std::string& text, const Arguments& more = {}) {
        Arguments arguments{"run"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        arguments.insert(arguments.end(), {busybox(), "sh", "-c", text});
        return Process{sandbox_command(arguments), with_store({.keep_stdin_open = true})};
    }
};

using ExitStatus = SignalsAndEnd;
using Timeout = SignalsAndEnd;

struct Forwarded {
    const char* name;
    int number;
};

void PrintTo(const Forwarded& signal, std::ostream* stream) {
    *stream << signal.name;
}

class ForwardedSignal : public SignalsAndEnd, public ::testing::WithParamInterface<Forwarded> {};

} // namespace

TEST_P(ForwardedSignal, ReachesTheCommandsHandler) {
    Process process = start(std::string{"trap 'echo caught; exit 3' "} + GetParam().name +
                            "; echo up; while :; do sleep 0.02; done");
    ASSERT_TRUE(process.wait_for_output("up"));
    process.signal(GetParam().number);
    const Result result = process.wait();
    EXPECT_EQ(result.out, "up\ncaught\n");
    EXPECT_EQ(result.status, 3);
}

TEST_P(ForwardedSignal, EndsACommandWithoutAHandler) {
    Process process = start("echo up; exec sleep 1000");
    ASSERT_TRUE(process.wait_for_output("up"));
    process.signal(GetParam().number);
    EXPECT_EQ(process.wait().status, 128 + GetParam().number);
}

TEST_P(ForwardedSignal, ReachesACommandThatIsPidOne) {
    Process process = start(std::string{"trap 'echo caught; exit 3' "} + GetParam().name +
                                "; echo up; while :; do sleep 0.02; done",
                            {"--no-init"});
    ASSERT_TRUE(process.wait_for_output("up"));
    process.signal(GetParam().number);
    EXPECT_EQ(process.wait().status, 3);
}

INSTANTIATE_TEST_SUITE_P(By, ForwardedSignal,
                         ::testing::Values(Forwarded{"TERM", SIGTERM}, Forwarded{"INT", SIGINT},
                                           Forwarded{"HUP", SIGHUP}, Forwarded{"USR1", SIGUSR1},
                                           Forwarded{"USR2", SIGUSR2}, Forwarded{"ALRM", SIGALRM}),
                         [](const auto& tested) { return std::string{tested.param.name}; });

TEST_F(ExitStatus, IsTheCommands) {
    for (const int status : {0, 1, 42, 255}) {
        EXPECT_EQ(script("exit " + std::to_string(status)).status, status);
    }
}

TEST_F(ExitStatus, Is128AndTheSignalOfAKilledCommand) {
    EXPECT_EQ(script("kill -9 $$").status, 137);
    EXPECT_EQ(script("kill -TERM $$").status, 143);
    EXPECT_EQ(script("ulimit -c 0; kill -SEGV $$").status, 139);
}

TEST_F(ExitStatus, Is127WhereTheCommandIsMissing) {
    expect_failure(sandbox({"run", busybox(), "no-such-command"}), 127, "no-such-command", "not found");
    expect_failure(sandbox({"run", busybox(), "/bin/no-such-command"}), 127, "/bin/no-such-command",
                   "not found");
}

TEST_F(ExitStatus, Is126WhereTheCommandCannotBeRun) {
    expect_failure(sandbox({"run", busybox(), "/etc/passwd"}), 126, "/etc/passwd", "permission denied");
    expect_failure(sandbox({"run", busybox(), "/etc"}), 126, "/etc", "");
}

TEST_F(ExitStatus, Is125WhereSandboxFails) {
    EXPECT_EQ(sandbox({"run", "--no-such-option", busybox(), "true"}).status, 125);
}

TEST_F(Timeout, EndsTheCommandWith124) {
    const auto begin = Clock::now();
    EXPECT_EQ(script("exec sleep 1000", {"--timeout", "0.3"}).status, 124);
    EXPECT_LT(Clock::now() - begin, seconds{10});
}

TEST_F(Timeout, LetsAQuickCommandBe) {
    EXPECT_EQ(script("exit 5", {"--timeout", "50s"}).status, 5);
}

TEST_F(Timeout, AsksWithSigtermFirst) {
    const Result result =
        script("trap 'echo asked; exit 0' TERM; while :; do sleep 0.02; done", {"--timeout", "0.3"});
    EXPECT_EQ(result.out, "asked\n");
    EXPECT_EQ(result.status, 124);
}

TEST_F(Timeout, KillsWhatIgnoresSigterm) {
    const auto begin = Clock::now();
    const Result result =
        script("trap '' TERM; while :; do sleep 0.02; done", {"--timeout", "0.2", "--kill-after", "0.3"});
    EXPECT_EQ(result.status, 137) << "as timeout(1)";
    EXPECT_LT(Clock::now() - begin, seconds{10});
}

TEST_F(Timeout, ReachesAStoppedCommand) {
    EXPECT_EQ(script("kill -STOP $$", {"--timeout", "0.3", "--kill-after", "1"}).status, 124);
}

TEST_F(SignalsAndEnd, KillingSandboxEndsEverythingAtOnce) {
    Process process = start("trap '' TERM HUP INT; (sleep 1000 &) ; setsid sleep 1001 & echo up; sleep 1002");
    ASSERT_TRUE(process.wait_for_output("up"));
    EXPECT_FALSE(descendants().empty());
    process.signal(SIGKILL);
    EXPECT_EQ(process.wait().signal, SIGKILL);
    EXPECT_TRUE(eventually([] { return descendants().empty(); }, seconds{2}))
        << ::testing::PrintToString(descendants());
    store_is_checked_ = false; // that is the next test
}

TEST_F(SignalsAndEnd, TheNextStartRemovesWhatAKilledOneLeft) {
    Process process = start(
        "dd if=/dev/zero of=/big bs=1M count=2 2>/dev/null; mkdir -m 0 /d; chown 5:5 /big; echo up; "
        "exec sleep 1000");
    ASSERT_TRUE(process.wait_for_output("up"));
    process.signal(SIGKILL);
    (void)process.wait();
    ASSERT_TRUE(eventually([] { return descendants().empty(); }));
    EXPECT_FALSE(leftovers_in_store().empty()) << "the premise of this test";
    EXPECT_EQ(script("ls -d /big /d 2>/dev/null").out, "") << "a dead run's files are seen by the next";
    EXPECT_TRUE(leftovers_in_store().empty()) << ::testing::PrintToString(leftovers_in_store());
}

TEST_F(SignalsAndEnd, KillingTheCommandsGroupLeavesTheStatus) {
    EXPECT_EQ(script("sleep 1000 & kill -9 0").status, 137);
}

TEST_F(SignalsAndEnd, DaemonsLeftBehindDie) {
    const auto begin = Clock::now();
    const Result result =
        script("(setsid sleep 1000 </dev/null >/dev/null 2>&1 &); sleep 0.1; ps | grep -c 'sleep 1000'");
    EXPECT_EQ(result.status, 0);
    EXPECT_LT(Clock::now() - begin, seconds{5});
    EXPECT_TRUE(eventually([] { return descendants().empty(); }, seconds{2}));
}

TEST_F(SignalsAndEnd, DaemonsThatHoldTheOutputDoNotHoldUpTheEnd) {
    const auto begin = Clock::now();
    EXPECT_EQ(script("(trap '' HUP TERM; sleep 1000 &) ; echo done").out, "done\n");
    EXPECT_LT(Clock::now() - begin, seconds{5});
}

TEST_F(SignalsAndEnd, KillingPidOneFromInsideDoesNothing) {
    const Result result = script("kill -9 1; kill -STOP 1; sleep 0.1; echo still here; exit 4");
    EXPECT_EQ(result.out, "still here\n");
    EXPECT_EQ(result.status, 4);
}

TEST_F(SignalsAndEnd, FaultSignalsToPidOneAreNotPassedOn) {
    EXPECT_EQ(
        script("for s in SEGV BUS ILL FPE ABRT TRAP SYS; do kill -$s 1; done; sleep 0.1; echo still here")
            .out,
        "still here\n");
}

TEST_F(SignalsAndEnd, ACommandThatClosesItsStdioIsWaitedFor) {
    EXPECT_EQ(script("exec <&- >&- 2>&-; sleep 0.2; exit 11").status, 11);
}

TEST_F(SignalsAndEnd, SeveralSignalsInARowArrive) {
    Process process = start(
        "n=0; trap 'n=$((n+1)); echo n$n' USR1; trap 'exit 7' TERM; echo up; "
        "while :; do sleep 0.02; done");
    ASSERT_TRUE(process.wait_for_output("up"));
    for (int i = 1; i <= 5; ++i) {
        process.signal(SIGUSR1);
        ASSERT_TRUE(process.wait_for_output("n" + std::to_string(i)));
    }
    process.signal(SIGTERM);
    EXPECT_EQ(process.wait().status, 7);
}

TEST_F(SignalsAndEnd, ASignalRightAfterTheFirstOutputReachesItsHandler) {
    // On a busy machine the command runs before sandbox has seen that it does.
    std::vector<std::unique_ptr<Process>> hogs;
    for (unsigned i = 0; i < 2 * std::thread::hardware_concurrency(); ++i) {
        hogs.push_back(std::make_unique<Process>(Arguments{"sh", "-c", "while :; do :; done"}));
    }
    for (int i = 0; i < 30; ++i) {
        Process process =
            start("trap 'exit 3' TERM; echo up; while :; do sleep 0.02; done", {"--network", "none"});
        ASSERT_TRUE(process.wait_for_output("up"));
        process.signal(SIGTERM);
        ASSERT_EQ(process.wait().status, 3) << "start " << i;
    }
}

TEST_F(SignalsAndEnd, StoppingAndContinuingStopsAndContinuesTheCommand) {
    Process process = start("echo up; while :; do echo tick; sleep 0.05; done");
    ASSERT_TRUE(process.wait_for_output("tick"));
    process.signal(SIGTSTP);
    const std::string status = "/proc/" + std::to_string(process.pid()) + "/status";
    EXPECT_TRUE(eventually([&] { return contains(read_text(status), "State:\tT"); }));
    process.signal(SIGCONT);
    const std::size_t seen = process.out().size();
    EXPECT_TRUE(eventually([&] {
        (void)process.wait_for_output("never", milliseconds{50});
        return process.out().size() > seen + 20;
    }));
    process.signal(SIGTERM);
    EXPECT_EQ(process.wait().status, 143);
}

TEST_F(SignalsAndEnd, ASignalDuringTheStartEndsIt) {
    for (int i = 0; i < 20; ++i) {
        Process process = start("sleep 1000");
        std::this_thread::sleep_for(milliseconds{i});
        process.signal(SIGTERM);
        EXPECT_EQ(process.wait().status, 143) << i;
    }
    EXPECT_EQ(script("true").status, 0); // and clears away what those may have left
}

TEST_F(SignalsAndEnd, KillsAtAnyMomentLeaveNothingForGood) {
    for (int i = 0; i < 25; ++i) {
        Process process = start("echo x > /made; sleep 1000");
        std::this_thread::sleep_for(milliseconds{2 * i});
        process.signal(SIGKILL);
        (void)process.wait();
    }
    ASSERT_TRUE(eventually([] { return descendants().empty(); }));
    EXPECT_EQ(script("test -e /made").status, 1);
    EXPECT_EQ(script("test -e /made").status, 1);
    EXPECT_TRUE(leftovers_in_store().empty()) << ::testing::PrintToString(leftovers_in_store());
}

TEST_F(SignalsAndEnd, FiftySandboxesAtOnceSlow) {
    ASSERT_EQ(script("true").status, 0);
    std::vector<std::unique_ptr<Process>> all;
    for (int i = 0; i < 50; ++i) {
        all.push_back(std::make_unique<Process>(
            sandbox_command(
                {"run", busybox(), "sh", "-c", "echo " + std::to_string(i) + " > /made; read x; cat /made"}),
            with_store({.keep_stdin_open = true, .timeout = seconds{100}})));
    }
    for (auto& process : all) {
        process->send("go\n");
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
        const Result result = all[i]->wait();
        EXPECT_EQ(result.out, std::to_string(i) + "\n") << result.err;
        EXPECT_EQ(result.err, "");
    }
}

TEST_F(SignalsAndEnd, AThousandInARowLeaveNothingSlow) {
    const Result result =
        run({"sh", "-c",
             "i=0; while [ $i -lt 1000 ]; do \"$0\" run --network none \"$1\" true || exit 9; "
             "i=$((i+1)); done",
             sandbox_binary(), busybox()},
            with_store({.timeout = seconds{250}}));
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.err, "");
}
