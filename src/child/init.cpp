// SPDX-License-Identifier: Apache-2.0
// Pid 1 of a sandbox: reaps what is orphaned, passes signals to the command, ends when it ends.
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "child/child.hpp"
#include "linux/process_title.hpp"
#include "linux/syscalls.hpp"

namespace sandbox {

namespace {

/// Signals a terminal or a shell sends to a whole job. The others go to the command alone.
bool goes_to_group(int signal) noexcept {
    return signal == SIGINT || signal == SIGQUIT || signal == SIGHUP || signal == SIGCONT ||
           signal == SIGTSTP;
}

/// What the kernel sends for a fault. Sent to pid 1 by someone inside it means nothing to the command.
bool is_fault(int signal) noexcept {
    return signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE || signal == SIGILL ||
           signal == SIGTRAP || signal == SIGABRT || signal == SIGSYS;
}

void pass_on(pid_t command, int signal) noexcept {
    // A new session is an orphaned process group, in which SIGTSTP does nothing. setpgid(2).
    const int sent = signal == SIGTSTP ? SIGSTOP : signal;
    (void)::kill(goes_to_group(signal) ? -command : command, sent); // gone: its SIGCHLD is on its way
}

/// Reaps every dead child. @return whether the command was among them
bool reap(pid_t command, int* command_status) noexcept {
    bool ended = false;
    int status = 0;
    for (pid_t pid = ::waitpid(-1, &status, WNOHANG); pid > 0; pid = ::waitpid(-1, &status, WNOHANG)) {
        if (pid == command) {
            *command_status = status;
            ended = true;
        }
    }
    return ended;
}

/// Without a pid namespace of its own nobody kills what the command left: as subreaper we are its parent now,
/// and go on until there is nothing left.
void kill_orphans() noexcept {
    while (true) {
        const int list = ::open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
        char text[4096];
        const ssize_t size = list < 0 ? -1 : ::read(list, text, sizeof text - 1);
        (void)::close(list);
        if (size <= 0) {
            return;
        }
        text[size] = '\0';
        char* cursor = text;
        for (long pid = std::strtol(cursor, &cursor, 10); pid > 0; pid = std::strtol(cursor, &cursor, 10)) {
            (void)::kill(static_cast<pid_t>(pid), SIGKILL);
        }
        while (::waitpid(-1, nullptr, WNOHANG) > 0) {
        }
        // Whoever was killed hands its children to us only when it is dead.
        (void)::waitpid(-1, nullptr, 0);
    }
}

/// The command's process. It shares this memory until it executes, while this process waits: nothing is
/// copied, which is a tenth of a start. A frame of its own, for vfork(2) returns twice.
[[gnu::noinline]] pid_t vfork_command(Child& child) noexcept {
    const pid_t pid = ::vfork();
    if (pid == 0) {
        become_command(child);
    }
    return pid;
}

/// The same with a copy. Into another time namespace memory cannot be shared: the vDSO differs. clone(2),
/// EINVAL.
pid_t fork_command(Child& child) noexcept {
    clone_args arguments{};
    arguments.exit_signal = SIGCHLD;
    const pid_t pid = sys::clone3(&arguments);
    if (pid == 0) {
        become_command(child);
    }
    return pid;
}

} // namespace

void run_init(Child& child) noexcept {
    const bool own_pids = (child.plan.clone_flags & CLONE_NEWPID) != 0;
    // This memory is a copy of the caller's, environment included, and its executable is the host's: nobody
    // inside may look at either. CVE-2019-5736, CVE-2021-3602; PR_SET_DUMPABLE, prctl(2).
    if (::prctl(PR_SET_DUMPABLE, 0) < 0 || (!own_pids && ::prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)) {
        fail(child, Stage::begin);
    }
    // The command line is open to all.
    set_process_title("sandbox-init");
    // Blocked, not handled: they wait until they are read, and pid 1 loses none. pid_namespaces(7).
    sigset_t all;
    (void)::sigfillset(&all);
    (void)::sigprocmask(SIG_SETMASK, &all, nullptr);
    const pid_t command = child.plan.new_time_namespace ? fork_command(child) : vfork_command(child);
    if (command < 0) {
        fail(child, Stage::command);
    }
    const pid_t parent = ::getppid();
    if (!own_pids) {
        // Killed, it would leave the command running: it has to do the killing first. The signal only wakes
        // it.
        (void)::prctl(PR_SET_PDEATHSIG, SIGCONT);
    }
    // Nothing is kept: not the caller's files, not the channel, whose end tells the parent that exec
    // succeeded.
    (void)sys::close_from(0);
    int status = 0;
    while (true) {
        siginfo_t info{};
        const int signal = ::sigwaitinfo(&all, &info);
        const bool told_to_end = info.si_code == SI_QUEUE && info.si_value.sival_int == end_all_value;
        if (!own_pids && (told_to_end || ::getppid() != parent)) {
            (void)::kill(command, SIGKILL);
            kill_orphans();
            ::_exit(128 + SIGKILL);
        }
        if (signal == SIGCHLD) {
            if (reap(command, &status)) {
                break;
            }
        } else if (signal > 0 && !is_fault(signal)) {
            pass_on(command, signal);
        }
    }
    if (!own_pids) {
        kill_orphans();
    }
    // The namespace's other processes are killed by the kernel when its pid 1 exits.
    ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

} // namespace sandbox
