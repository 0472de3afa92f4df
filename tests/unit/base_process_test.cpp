// SPDX-License-Identifier: Apache-2.0
// Helper programs get exactly what they are given.
#include "base/process.hpp"

#include <signal.h>
#include <sys/wait.h>

#include "base/signals.hpp"
#include "support.hpp"

namespace sandbox {
namespace {

struct Output {
    std::string text;
    int status = 0;
};

/// Runs a line of sh with its stdout in a pipe.
Output output_of(const std::string& script, SpawnRequest request = {}) {
    Pipe pipe = make_pipe();
    request.path = "/bin/sh";
    request.arguments = {"sh", "-c", script};
    request.fds.push_back({pipe.write.get(), 1});
    const ChildProcess child = spawn(request);
    pipe.write.reset();
    Output output;
    output.text = read_all(pipe.read.get(), "pipe");
    output.status = shell_status(wait_for(child));
    return output;
}

TEST(Spawn, StatusComesBackAsAShellShowsIt) {
    EXPECT_EQ(output_of("exit 7").status, 7);
    EXPECT_EQ(output_of("kill -TERM $$").status, 128 + SIGTERM);
}

TEST(Spawn, AProgramThatIsNotThereIsAnErrorWithItsErrno) {
    SpawnRequest request;
    request.path = "/nonexistent/program";
    request.arguments = {"program"};
    try {
        (void)spawn(request);
        FAIL();
    } catch (const SystemError& error) {
        EXPECT_EQ(error.code(), ENOENT);
        EXPECT_EQ(error.object(), request.path);
    }
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "the failed child was left unreaped";
}

TEST(Spawn, AFileThatIsNoProgramIsAnError) {
    SpawnRequest request;
    request.path = "/etc/passwd";
    request.arguments = {"passwd"};
    EXPECT_THROW((void)spawn(request), SystemError);
}

TEST(Spawn, EnvironmentIsNotInherited) {
    ASSERT_EQ(::setenv("SANDBOX_UNIT_TEST", "leaked", 1), 0);
    SpawnRequest request;
    request.environment = {"A=1"};
    EXPECT_EQ(output_of("echo $A:$SANDBOX_UNIT_TEST", request).text, "1:\n");
    (void)::unsetenv("SANDBOX_UNIT_TEST");
}

TEST(Spawn, DescriptorsThatTradePlacesArriveWhereTheyShould) {
    Pipe first = make_pipe();
    Pipe second = make_pipe();
    write_all(first.write.get(), "first\n", "pipe");
    write_all(second.write.get(), "second\n", "pipe");
    SpawnRequest request;
    request.fds = {{first.read.get(), second.read.get()}, {second.read.get(), first.read.get()}};
    const std::string a = std::to_string(second.read.get());
    const std::string b = std::to_string(first.read.get());
    EXPECT_EQ(output_of("read x <&" + a + "; read y <&" + b + "; echo $x $y", request).text,
              "first second\n");
}

TEST(Spawn, OtherDescriptorsAreClosedEvenInheritableOnes) {
    const UniqueFd leak{check(::dup(STDERR_FILENO), "duplicate", "stderr")};
    ASSERT_EQ(::fcntl(leak.get(), F_GETFD) & FD_CLOEXEC, 0);
    EXPECT_EQ(output_of("test -e /proc/self/fd/" + std::to_string(leak.get()) + " || echo closed").text,
              "closed\n");
    EXPECT_GE(::fcntl(leak.get(), F_GETFD), 0);
}

TEST(Spawn, BlockedSignalsAreUnblockedInTheChild) {
    const SignalSource blocked{SIGTERM};
    EXPECT_EQ(output_of("kill -TERM $$; echo survived").status, 128 + SIGTERM);
}

TEST(ExecPointers, EndInANull) {
    const std::vector<std::string> strings{"a", ""};
    const auto pointers = exec_pointers(strings);
    ASSERT_EQ(pointers.size(), 3U);
    EXPECT_STREQ(pointers[0], "a");
    EXPECT_STREQ(pointers[1], "");
    EXPECT_EQ(pointers[2], nullptr);
}

} // namespace
} // namespace sandbox
