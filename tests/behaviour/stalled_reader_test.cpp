// SPDX-License-Identifier: Apache-2.0
// A sandbox with a terminal of its own whose output goes into a pipe: a reader that is slow loses nothing,
// one that stalls holds up no end for good, and one that goes away is SIGPIPE.
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "terminal.hpp"

using namespace sandbox::test;

namespace {

/// The lines of `seq 1 2000` as a terminal shows them: more than the small pipe holds, and no more than the
/// pipe, the supervisor and the pseudo-terminal hold together.
constexpr int line_count = 2000;

std::string lines_shown() {
    std::string text;
    for (int i = 1; i <= line_count; ++i) {
        text += std::to_string(i) + "\r\n";
    }
    return text;
}

class StalledReader : public SandboxTest {
  protected:
    void SetUp() override {
        SandboxTest::SetUp();
        open_ends();
    }
    void TearDown() override {
        close_ends();
        SandboxTest::TearDown();
    }

    /// `sandbox run -t OPTIONS busybox.tar sh -c TEXT`, its output into the pipe, of which only it has the
    /// writing end.
    Process start(const std::string& text, const Arguments& more = {}, RunOptions options = {}) {
        Arguments arguments{"run", "-t", "--network", "none"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        arguments.insert(arguments.end(), {busybox(), "sh", "-c", text});
        options.stdout_fd = write_;
        options.timeout = seconds{30};
        return Process{sandbox_command(arguments), with_store(std::move(options))};
    }
    /// Everything up to the end of file.
    std::string read_all() {
        (void)::close(write_);
        write_ = -1;
        std::string text;
        char buffer[4096];
        for (ssize_t got = 0; (got = ::read(read_, buffer, sizeof buffer)) > 0;) {
            text.append(buffer, static_cast<std::size_t>(got));
        }
        return text;
    }
    void open_ends() {
        close_ends();
        int ends[2];
        ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
        read_ = ends[0];
        write_ = ends[1];
        (void)::fcntl(write_, F_SETPIPE_SZ, 4096);
    }
    void open_sockets() {
        close_ends();
        int ends[2];
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        read_ = ends[0];
        write_ = ends[1];
    }
    void close_ends() {
        for (int* fd : {&read_, &write_}) {
            if (*fd >= 0) {
                (void)::close(*fd);
            }
            *fd = -1;
        }
    }
    /// Until there was output, and of the sandbox only its supervisor is left.
    [[nodiscard]] bool command_ended() const {
        return eventually([this] {
            int waiting = 0;
            const std::vector<std::string> names = descendants();
            return ::ioctl(read_, FIONREAD, &waiting) == 0 && waiting > 0 && names.size() == 1 &&
                   names.front().starts_with("sandbox (");
        });
    }

    int read_ = -1;
    int write_ = -1;
};

} // namespace

TEST_F(StalledReader, LosesNothingWhereInputWaitsUnread) {
    const std::string input = scratch() / "input";
    std::string text;
    for (int i = 0; i < 50000; ++i) {
        text += "typed ahead\n";
    }
    write_text(input, text);
    const int fd = ::open(input.c_str(), O_RDONLY | O_CLOEXEC);
    // Without echo, which would be output too. The terminal's last holder goes before the sandbox does.
    Process process = start("stty -echo; seq 1 2000 >&2; exec <&- >&- 2>&-; sleep 1", {}, {.stdin_fd = fd});
    (void)::close(fd);
    EXPECT_TRUE(command_ended());
    const std::string shown = read_all();
    EXPECT_EQ(process.wait().status, 0);
    EXPECT_TRUE(shown.ends_with(lines_shown()))
        << std::count(shown.begin(), shown.end(), '\n') << " lines, of which the last are "
        << shown.substr(shown.size() - std::min<std::size_t>(shown.size(), 100));
}

TEST_F(StalledReader, SignalsForTheCommandDoNotCutItsOutput) {
    for (const int number : {SIGWINCH, SIGUSR1, SIGCONT}) {
        open_ends();
        Process process = start("seq 1 2000");
        ASSERT_TRUE(command_ended());
        process.signal(number);
        process.signal(number);
        const std::string shown = read_all();
        EXPECT_TRUE(shown == lines_shown()) << "signal " << number << ": " << shown.size() << " bytes";
        EXPECT_EQ(process.wait().status, 0);
    }
}

TEST_F(StalledReader, ASignalThatAsksToEndIsHeard) {
    Process process = start("seq 1 2000; exit 3");
    ASSERT_TRUE(command_ended());
    process.signal(SIGTERM);
    EXPECT_EQ(process.wait().status, 3);
}

TEST_F(StalledReader, DoesNotHoldUpATimeout) {
    Process process = start("exec yes", {"--timeout", "0.5", "--kill-after", "0.5"});
    EXPECT_EQ(process.wait().status, 124);
}

TEST_F(StalledReader, DoesNotHoldUpATimeoutOfWhatIgnoresSigterm) {
    Process process = start("trap '' TERM; yes", {"--timeout", "0.5", "--kill-after", "0.5"});
    EXPECT_EQ(process.wait().status, 137);
}

TEST_F(StalledReader, IsTimedOutWhenTheCommandHasEnded) {
    Process process = start("seq 1 2000; exit 3", {"--timeout", "1"});
    EXPECT_EQ(process.wait().status, 124);
}

TEST_F(StalledReader, OfASocketDoesNotHoldUpATimeoutEither) {
    // It cannot be opened again, to be non-blocking for the sandbox alone.
    open_sockets();
    Process process = start("exec yes", {"--timeout", "0.5", "--kill-after", "0.5"});
    EXPECT_EQ(process.wait().status, 124);
    EXPECT_EQ(::fcntl(write_, F_GETFL) & O_NONBLOCK, 0) << "others may share it";
}

TEST_F(StalledReader, OfASocketLosesNothing) {
    open_sockets();
    const int less = 4096;
    (void)::setsockopt(write_, SOL_SOCKET, SO_SNDBUF, &less, sizeof less);
    Process process = start("seq 1 2000");
    ASSERT_TRUE(command_ended());
    EXPECT_TRUE(read_all() == lines_shown());
    EXPECT_EQ(process.wait().status, 0);
}

TEST_F(StalledReader, ThatGoesAwayIsSigpipeAndTheTerminalIsGivenBack) {
    Terminal terminal{{"bash", "-c", "\"$0\" run -t \"$1\" yes | head -n 1; echo status ${PIPESTATUS[0]}",
                       sandbox_binary(), busybox()},
                      with_store({.in_child = [] { (void)::signal(SIGPIPE, SIG_DFL); }})};
    const termios before = terminal.settings();
    EXPECT_TRUE(terminal.expect("status 141"));
    EXPECT_EQ(terminal.wait(), 0);
    EXPECT_TRUE(same_settings(terminal.settings(), before));
}

TEST_F(StalledReader, ThatGoesAwayAfterTheCommandIsSigpipeToo) {
    Process process = start("seq 1 2000");
    ASSERT_TRUE(command_ended());
    close_ends();
    EXPECT_EQ(process.wait().status, 141);
}

TEST_F(StalledReader, SigpipeOfTheSandboxesOwnIsNotSeenInside) {
    const Result result =
        sandbox({"run", "-t", busybox(), "grep", "-E", "SigBlk|SigIgn", "/proc/self/status"});
    EXPECT_EQ(result.out, "SigBlk:\t0000000000000000\r\nSigIgn:\t0000000000000000\r\n");
}

TEST_F(StalledReader, ThatGoesAwayDoesNotEndWhatWasStartedWithSigpipeIgnored) {
    Process process = start("read line; seq 1 2000; exit 6", {},
                            {.keep_stdin_open = true, .in_child = [] { (void)::signal(SIGPIPE, SIG_IGN); }});
    close_ends();
    process.send("go\n");
    EXPECT_EQ(process.wait().status, 6);
}
