// SPDX-License-Identifier: Apache-2.0
// Starts helper programs with vfork: the parent's pages are not copied, which counts on the start path.
#include "base/process.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/files.hpp"

namespace sandbox {

namespace {

/// All that the child needs, made before it exists: after vfork the memory is the parent's.
struct Prepared {
    const char* path;
    char* const* argv;
    char* const* envp;
    const PassedFd* fds;
    std::size_t fd_count;
    bool dies_with_parent;
    volatile int failure; ///< the errno of the child's failed call
};

[[noreturn]] void become(Prepared& prepared) noexcept {
    // Also what the caller of all this left open for the command (--preserve-fds) is not the helper's.
    (void)::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
    for (std::size_t i = 0; i < prepared.fd_count; ++i) {
        if (::dup2(prepared.fds[i].source, prepared.fds[i].number) < 0) {
            prepared.failure = errno;
            ::_exit(127);
        }
    }
    if (prepared.dies_with_parent) {
        (void)::prctl(PR_SET_PDEATHSIG, SIGKILL); // cannot fail for a valid signal
    }
    sigset_t none;
    (void)::sigemptyset(&none);
    (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execve(prepared.path, prepared.argv, prepared.envp);
    prepared.failure = errno;
    ::_exit(127);
}

/// A frame of its own: no local of spawn() lives across vfork's second return.
[[gnu::noinline]] pid_t vfork_and_become(Prepared& prepared) noexcept {
    const pid_t pid = ::vfork();
    if (pid == 0) {
        become(prepared);
    }
    return pid;
}

} // namespace

std::vector<char*> exec_pointers(const std::vector<std::string>& strings) {
    std::vector<char*> result;
    result.reserve(strings.size() + 1);
    for (const std::string& text : strings) {
        result.push_back(const_cast<char*>(text.c_str()));
    }
    result.push_back(nullptr);
    return result;
}

ChildProcess spawn(const SpawnRequest& request) {
    // Sources are first moved above every wanted number, so that no dup2 in the child destroys a later
    // source.
    int above = 3;
    for (const PassedFd& fd : request.fds) {
        above = std::max(above, fd.number + 1);
    }
    std::vector<UniqueFd> moved;
    std::vector<PassedFd> fds = request.fds;
    for (PassedFd& fd : fds) {
        moved.emplace_back(
            check(::fcntl(fd.source, F_DUPFD_CLOEXEC, above), "duplicate a descriptor for", request.path));
        fd.source = moved.back().get();
    }
    const std::vector<char*> argv = exec_pointers(request.arguments);
    const std::vector<char*> envp = exec_pointers(request.environment);

    Prepared prepared{
        request.path.c_str(), argv.data(), envp.data(), fds.data(), fds.size(), request.dies_with_parent, 0};
    const pid_t pid = vfork_and_become(prepared);
    check(pid, "start", request.path);
    if (prepared.failure != 0) {
        (void)::waitpid(pid, nullptr, 0);
        throw SystemError(prepared.failure, "execute", request.path);
    }
    // Not reaped yet, so the number still means this child.
    return {pid, UniqueFd{static_cast<int>(
                     check(::syscall(SYS_pidfd_open, pid, 0), "open a pidfd of", request.path))}};
}

std::optional<std::string> output_of(const std::string& path, const std::vector<std::string>& arguments) {
    Pipe output = make_pipe();
    SpawnRequest request;
    request.path = path;
    request.arguments = arguments;
    request.fds = {{output.write.get(), STDOUT_FILENO}};
    try {
        const ChildProcess child = spawn(request);
        output.write.reset();
        std::string text = read_all(output.read.get(), path);
        (void)wait_for(child); // what it printed tells enough
        return text;
    } catch (const SystemError&) {
        return std::nullopt;
    }
}

int wait_for(const ChildProcess& child) {
    int status = 0;
    while (::waitpid(child.pid, &status, 0) < 0) {
        if (errno != EINTR) {
            throw_errno(errno, "wait for", "a child process");
        }
    }
    return status;
}

void kill_and_reap(const ChildProcess& child) noexcept {
    if (child.pid > 0) {
        (void)::kill(child.pid, SIGKILL); // not reaped yet, so the number still means this child
        (void)::waitpid(child.pid, nullptr, 0);
    }
}

int shell_status(int wait_status) noexcept {
    return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

} // namespace sandbox
