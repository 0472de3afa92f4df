// SPDX-License-Identifier: Apache-2.0
// Point 8: a terminal as people know it, and pipes that carry bytes untouched.
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "archive.hpp"
#include "terminal.hpp"

using namespace sandbox::test;
namespace fs = std::filesystem;

namespace {

const char ctrl_c = '\x03', ctrl_d = '\x04', ctrl_z = '\x1a', ctrl_backslash = '\x1c';

class TerminalTest : public SandboxTest {
  protected:
    /// A shell with a prompt that is easy to wait for.
    Arguments shell_command(const Arguments& more = {}) {
        Arguments arguments{"shell", "-e", "PS1=ready> "};
        arguments.insert(arguments.end(), more.begin(), more.end());
        arguments.push_back(busybox());
        return sandbox_command(arguments);
    }
    Arguments run_command(const std::string& text) {
        return sandbox_command({"run", busybox(), "sh", "-c", text});
    }
};

class Pipes : public SandboxTest {};

/// Bytes of every value, no period that a buffer could share.
std::string noise(std::size_t size) {
    std::string bytes(size, '\0');
    std::uint32_t state = 12345;
    for (char& c : bytes) {
        state = state * 1664525U + 1013904223U;
        c = static_cast<char>(state >> 24U);
    }
    return bytes;
}

} // namespace

TEST_F(TerminalTest, TheCommandHasATerminalOfTheSandboxesOwn) {
    Terminal terminal{run_command("tty; test -t 0 && test -t 1 && test -t 2 && echo all three"),
                      with_store({})};
    EXPECT_TRUE(terminal.expect("/dev/pts/0"));
    EXPECT_TRUE(terminal.expect("all three"));
    EXPECT_EQ(terminal.wait(), 0);
}

TEST_F(TerminalTest, ARedirectedOutputStaysAFile) {
    Terminal terminal{{"sh", "-c", "\"$0\" run \"$1\" sh -c 'test -t 1 || echo no terminal' > \"$2\"",
                       sandbox_binary(), busybox(), scratch() / "out"},
                      with_store({})};
    EXPECT_EQ(terminal.wait(), 0);
    EXPECT_EQ(read_text(scratch() / "out"), "no terminal\n");
}

TEST_F(TerminalTest, AShellAnswersAndLeavesWithItsStatus) {
    Terminal terminal{shell_command(), with_store({})};
    ASSERT_TRUE(terminal.expect("ready> "));
    terminal.send("echo $((6 * 7))\r");
    EXPECT_TRUE(terminal.expect("\r\n42\r\n"));
    terminal.send("exit 5\r");
    EXPECT_EQ(terminal.wait(), 5);
}

TEST_F(TerminalTest, CtrlDEndsTheShell) {
    Terminal terminal{shell_command(), with_store({})};
    ASSERT_TRUE(terminal.expect("ready> "));
    terminal.send({ctrl_d});
    EXPECT_EQ(terminal.wait(), 0);
}

TEST_F(TerminalTest, CtrlCEndsTheJobAndNotTheShell) {
    Terminal terminal{shell_command(), with_store({})};
    ASSERT_TRUE(terminal.expect("ready> "));
    terminal.send("sleep 1000\r");
    ASSERT_TRUE(terminal.expect("sleep 1000\r\n"));
    std::this_thread::sleep_for(milliseconds{200});
    terminal.send({ctrl_c});
    EXPECT_TRUE(terminal.expect("ready> "));
    terminal.send("echo status $?\r");
    EXPECT_TRUE(terminal.expect("status 130"));
    terminal.send("exit\r");
    EXPECT_EQ(terminal.wait(), 0);
}

TEST_F(TerminalTest, CtrlCEndsACommand) {
    Terminal terminal{run_command("echo up; exec sleep 1000"), with_store({})};
    ASSERT_TRUE(terminal.expect("up"));
    terminal.send({ctrl_c});
    EXPECT_EQ(terminal.wait(), 130);
}

TEST_F(TerminalTest, CtrlBackslashQuitsACommand) {
    // Not by a shell: ash lets `-c` commands ignore SIGQUIT.
    Terminal terminal{sandbox_command({"run", busybox(), "cat"}), with_store({.in_child = [] {
                          const rlimit none{0, 0};
                          (void)::setrlimit(RLIMIT_CORE, &none);
                      }})};
    terminal.send("here\r");
    ASSERT_TRUE(terminal.expect("here\r\nhere\r\n"));
    terminal.send({ctrl_backslash});
    EXPECT_EQ(terminal.wait(), 131);
}

TEST_F(TerminalTest, CtrlZStopsAJobAndFgContinuesIt) {
    Terminal terminal{shell_command(), with_store({})};
    ASSERT_TRUE(terminal.expect("ready> "));
    terminal.send("cat\r");
    ASSERT_TRUE(terminal.expect("cat\r\n"));
    std::this_thread::sleep_for(milliseconds{200});
    terminal.send({ctrl_z});
    ASSERT_TRUE(terminal.expect("Stopped"));
    terminal.send("fg\r");
    ASSERT_TRUE(terminal.expect("cat\r\n"));
    std::this_thread::sleep_for(milliseconds{200}); // ash names the job before it gives it the terminal
    terminal.send("again\r");
    EXPECT_TRUE(terminal.expect("again\r\nagain\r\n"));
    terminal.send({ctrl_d});
    ASSERT_TRUE(terminal.expect("ready> "));
    terminal.send("exit\r");
    EXPECT_EQ(terminal.wait(), 0);
}

TEST_F(TerminalTest, TheWindowsSizeIsSeenInside) {
    Terminal terminal{run_command("stty size"), with_store({}), 33, 101};
    EXPECT_TRUE(terminal.expect("33 101"));
    EXPECT_EQ(terminal.wait(), 0);
}

TEST_F(TerminalTest, AChangeOfSizeIsPassedOnWithSigwinch) {
    Terminal terminal{run_command("trap 'stty size; exit 4' WINCH; echo up; while :; do sleep 0.05; done"),
                      with_store({})};
    ASSERT_TRUE(terminal.expect("up"));
    terminal.resize(50, 132);
    EXPECT_TRUE(terminal.expect("50 132"));
    EXPECT_EQ(terminal.wait(), 4);
}

TEST_F(TerminalTest, SettingsAreRawMeanwhileAndRestoredAfterwards) {
    Terminal terminal{shell_command(), with_store({})};
    ASSERT_TRUE(terminal.expect("ready> "));
    EXPECT_EQ(terminal.settings().c_lflag & (ICANON | ECHO | ISIG), 0U);
    terminal.send("exit\r");
    EXPECT_EQ(terminal.wait(), 0);
    EXPECT_EQ(terminal.settings().c_lflag & (ICANON | ECHO | ISIG), tcflag_t{ICANON | ECHO | ISIG});
}

TEST_F(TerminalTest, SettingsAreRestoredWhenTheCommandIsKilled) {
    Terminal terminal{run_command("stty raw -echo; echo up; kill -9 $$"), with_store({})};
    EXPECT_EQ(terminal.wait(), 137);
    EXPECT_EQ(terminal.settings().c_lflag & (ICANON | ECHO | ISIG), tcflag_t{ICANON | ECHO | ISIG});
}

TEST_F(TerminalTest, SettingsAreRestoredBySignalsThatEndSandbox) {
    for (const int number : {SIGTERM, SIGHUP, SIGINT}) {
        Terminal terminal{run_command("echo up; exec sleep 1000"), with_store({})};
        const termios before = terminal.settings();
        ASSERT_TRUE(terminal.expect("up"));
        terminal.signal(number);
        EXPECT_EQ(terminal.wait(), 128 + number);
        EXPECT_TRUE(same_settings(terminal.settings(), before)) << number;
    }
}

TEST_F(TerminalTest, SettingsAreRestoredWhenTheCommandCannotStart) {
    Terminal terminal{sandbox_command({"run", busybox(), "nothing-of-that-name"}), with_store({})};
    const termios before = terminal.settings();
    EXPECT_EQ(terminal.wait(), 127);
    EXPECT_TRUE(same_settings(terminal.settings(), before));
    EXPECT_TRUE(terminal.expect("nothing-of-that-name: command not found in the sandbox\r\n"));
}

TEST_F(TerminalTest, TheLastOutputIsNotLost) {
    for (int i = 0; i < 5; ++i) {
        Terminal terminal{run_command("seq 1 3000"), with_store({})};
        EXPECT_EQ(terminal.wait(), 0);
        EXPECT_TRUE(terminal.expect("\n3000\r\n"));
    }
}

TEST_F(TerminalTest, OutputThatWaitsWhenTheCommandEndsIsNotLost) {
    Terminal terminal{run_command("echo up; sleep 1; seq 1 2000"), with_store({})};
    ASSERT_TRUE(terminal.expect("up\r\n"));
    terminal.signal(SIGSTOP);
    std::this_thread::sleep_for(std::chrono::seconds{2}); // the command ends: a pty holds 12 kB
    terminal.signal(SIGCONT);
    EXPECT_EQ(terminal.wait(), 0);
    EXPECT_TRUE(terminal.expect("\n2000\r\n"));
}

TEST_F(TerminalTest, KeysTypedEarlyAreNotLost) {
    Terminal terminal{shell_command(), with_store({})};
    terminal.send("echo early $((1 + 1))\rexit\r");
    EXPECT_TRUE(terminal.expect("early 2\r\n"));
    EXPECT_EQ(terminal.wait(), 0);
}

TEST_F(TerminalTest, ALongPasteArrivesWhole) {
    Terminal terminal{run_command("stty raw -echo; echo up; head -c 100000 | md5sum"), with_store({})};
    ASSERT_TRUE(terminal.expect("up"));
    std::string text;
    for (int i = 0; text.size() < 100000; ++i) {
        text += std::to_string(i) + " ";
    }
    text.resize(100000);
    terminal.send(text);
    RunOptions options;
    options.input = text;
    EXPECT_TRUE(terminal.expect(run({"md5sum"}, options).out.substr(0, 32)));
    EXPECT_EQ(terminal.wait(), 0);
}

TEST_F(TerminalTest, AHangUpEndsTheSandbox) {
    const Arguments command = run_command("trap '' HUP; echo up; sleep 1000");
    {
        Terminal terminal{command, with_store({})};
        ASSERT_TRUE(terminal.expect("up"));
        terminal.signal(SIGKILL);
        EXPECT_EQ(terminal.wait(), 137);
    }
    EXPECT_TRUE(eventually([] { return descendants().empty(); }, seconds{3}));
    store_is_checked_ = false; // the next start removes what a killed one left; see SignalsAndEnd
}

TEST_F(TerminalTest, InputCannotBePushedIntoTheCallersTerminal) {
    // TIOCSTI, CVE-2017-5226: the caller's terminal is no descriptor of the command's, nor its controlling
    // one.
    Terminal terminal{run_command("readlink /proc/self/fd/0; ls -l /proc/self/fd | grep -c pts/ ; "
                                  "test -e $(readlink /proc/self/fd/0) && echo own"),
                      with_store({})};
    EXPECT_TRUE(terminal.expect("/dev/pts/0"));
    EXPECT_TRUE(terminal.expect("own"));
    EXPECT_EQ(terminal.wait(), 0);
}

TEST_F(TerminalTest, AnAnswerToTerminalQueriesIsNotTakenFromTheWrongSide) {
    Terminal terminal{run_command("stty -echo; printf 'what? '; read answer; echo \"got $answer\""),
                      with_store({})};
    ASSERT_TRUE(terminal.expect("what? "));
    terminal.send("this\r");
    EXPECT_TRUE(terminal.expect("got this"));
    EXPECT_EQ(terminal.wait(), 0);
}

TEST_F(TerminalTest, CtrlZFromOutsideStopsAndFgContinues) {
    // SIGTSTP sent to sandbox itself, as `kill -TSTP` does: it stops with the terminal in its usual state.
    Terminal terminal{run_command("echo up; while :; do echo tick; sleep 0.1; done"), with_store({})};
    const termios before = terminal.settings();
    ASSERT_TRUE(terminal.expect("up"));
    terminal.signal(SIGTSTP);
    const auto is_stopped = [](pid_t pid) {
        return contains(read_text("/proc/" + std::to_string(pid) + "/status"), "State:\tT");
    };
    EXPECT_TRUE(eventually([&] { return is_stopped(terminal.pid()); }));
    // The command too: a shell that is stopped and continued within one fork(2) has a child that stays
    // stopped, for Linux keeps the one signal for it and forgets the other.
    EXPECT_TRUE(eventually([&] { return is_stopped(find_descendant("sh")); }));
    EXPECT_TRUE(same_settings(terminal.settings(), before));
    terminal.signal(SIGCONT);
    EXPECT_TRUE(terminal.expect("tick"));
    EXPECT_TRUE(eventually([&] { return (terminal.settings().c_lflag & ICANON) == 0; }));
    terminal.send({ctrl_c});
    EXPECT_EQ(terminal.wait(), 130);
}

TEST_F(Pipes, BytesPassUntouched) {
    RunOptions options;
    options.input = noise(3'000'000);
    const Result result = sandbox({"run", busybox(), "cat"}, options);
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_TRUE(result.out == options.input) << result.out.size();
}

TEST_F(Pipes, AGigabytePassesUntouchedSlow) {
    RunOptions options;
    options.timeout = seconds{200};
    const Result result =
        run({"bash", "-c",
             "set -o pipefail; gen() { head -c 1073741824 /dev/zero | openssl enc -aes-128-ctr -nosalt "
             "-pass pass:x -pbkdf2 2>/dev/null || head -c 1073741824 /dev/zero; }; "
             "a=$(gen | \"$0\" run \"$1\" cat | sha256sum) && b=$(gen | sha256sum) && echo \"$a\" && "
             "test \"$a\" = \"$b\"",
             sandbox_binary(), busybox()},
            with_store(options));
    EXPECT_EQ(result.status, 0) << result.out << result.err;
}

TEST_F(Pipes, StderrIsKeptApart) {
    const Result result = script("echo out; echo err >&2");
    EXPECT_EQ(result.out, "out\n");
    EXPECT_EQ(result.err, "err\n");
}

TEST_F(Pipes, EndOfFileReachesTheCommand) {
    EXPECT_EQ(script("cat; echo over").out, "over\n");
}

TEST_F(Pipes, EndOfOutputReachesTheReaderWhileTheCommandRuns) {
    Process process{sandbox_command({"run", busybox(), "sh", "-c", "exec >&-; cat; exit 6"}),
                    with_store({.keep_stdin_open = true})};
    // wait_for_output comes back early, and without the text, at the end of stdout.
    EXPECT_FALSE(process.wait_for_output("never", seconds{1}));
    process.close_stdin();
    EXPECT_EQ(process.wait().status, 6);
}

TEST_F(Pipes, AClosedReaderIsSigpipe) {
    const Result result = run({"bash", "-c", "\"$0\" run \"$1\" yes | head -n 1; echo ${PIPESTATUS[0]}",
                               sandbox_binary(), busybox()},
                              with_store({}));
    EXPECT_EQ(result.out, "y\n141\n") << result.err;
}

TEST_F(Pipes, AWriterSeesSigpipeWhenTheCommandClosesItsInput) {
    const Result result = run({"bash", "-c", "yes | \"$0\" run \"$1\" head -n 1; echo ${PIPESTATUS[@]}",
                               sandbox_binary(), busybox()},
                              with_store({}));
    EXPECT_EQ(result.out, "y\n141 0\n") << result.err;
}

TEST_F(Pipes, ACallersIgnoredSigpipeStaysIgnored) {
    RunOptions options;
    options.in_child = [] { (void)::signal(SIGPIPE, SIG_IGN); };
    const Arguments command{"run", busybox(), "grep", "SigIgn", "/proc/self/status"};
    EXPECT_EQ(sandbox(command, options).out, "SigIgn:\t0000000000001000\n");
    EXPECT_EQ(sandbox(command).out, "SigIgn:\t0000000000000000\n");
}

TEST_F(Pipes, TheCommandStartsWithNoSignalBlocked) {
    EXPECT_EQ(sandbox({"run", busybox(), "grep", "SigBlk", "/proc/self/status"}).out,
              "SigBlk:\t0000000000000000\n");
}
