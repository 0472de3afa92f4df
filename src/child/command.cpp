// SPDX-License-Identifier: Apache-2.0
// The last steps before the command runs: terminal, descriptors, credentials, directory, exec.
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <climits>
#include <cstring>

#include "child/child.hpp"
#include "linux/capabilities.hpp"
#include "linux/fdpass.hpp"
#include "linux/seccomp.hpp"
#include "linux/syscalls.hpp"

namespace sandbox {

namespace {

void take_terminal(const Child& child) noexcept {
    // A session of its own: job control inside, and no way to push input into the caller's (TIOCSTI,
    // CVE-2017-5226). Pid 1 of a new namespace may lead one already.
    if (::setsid() < 0 && ::getsid(0) != ::getpid()) {
        fail(child, Stage::terminal);
    }
    if (child.terminal < 0) {
        return;
    }
    if (::ioctl(child.terminal, TIOCSCTTY, 0) < 0) {
        fail(child, Stage::terminal);
    }
    for (int fd = 0; fd < 3; ++fd) {
        if (::dup2(child.terminal, fd) < 0) {
            fail(child, Stage::terminal);
        }
    }
}

void take_limits(const Child& child) noexcept {
    for (const LimitPlan& limit : child.plan.confinement.limits) {
        const rlimit values{limit.soft, limit.hard};
        if (::setrlimit(static_cast<__rlimit_resource>(limit.resource), &values) < 0) {
            fail(child, Stage::limits);
        }
    }
}

/// Without no_new_privs a filter takes CAP_SYS_ADMIN to load. Another user than root loses it by the
/// execve(2) that follows. seccomp(2), capabilities(7).
bool needs_capability_for_filter(const Plan& plan) noexcept {
    return plan.confinement.filter.count > 0 && !plan.confinement.no_new_privileges;
}

void take_credentials(const Child& child) noexcept {
    const CredentialPlan& wanted = child.plan.credentials;
    if (wanted.set_groups && ::setgroups(wanted.groups.count, wanted.groups.values) < 0) {
        fail(child, Stage::credentials);
    }
    // What is out of the bounding set no program can have again, set-uid ones included. capabilities(7).
    if (limit_capability_bounds(wanted.bounding_set) < 0) {
        fail(child, Stage::credentials);
    }
    if (needs_capability_for_filter(child.plan) && ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0) {
        fail(child, Stage::credentials);
    }
    if (::setresgid(wanted.gid, wanted.gid, wanted.gid) < 0 ||
        ::setresuid(wanted.uid, wanted.uid, wanted.uid) < 0) {
        fail(child, Stage::credentials);
    }
    // Another user than root has none. setresuid cleared them where it left id 0, but with keep-id it did
    // not.
    const CapabilityMask kept = needs_capability_for_filter(child.plan) ? capability_bit(CAP_SYS_ADMIN) : 0;
    if (wanted.uid != 0 && set_capabilities(kept, kept, 0) < 0) {
        fail(child, Stage::credentials);
    }
}

/// Before the filter of ConfinementPlan, which need not allow what this does.
void report_lookups(const Child& child) noexcept {
    const Run<sock_filter>& lookups = child.plan.trace.lookups;
    if (lookups.count == 0) {
        return;
    }
    const int listener = load_reporting_filter(lookups.values, lookups.count);
    if (listener < 0 || send_fd(child.channel, listener, tag_lookups) < 0) {
        fail(child, Stage::filter);
    }
    (void)::close(listener);
}

/// The last thing before exec: a stranger's profile need allow nothing but that.
void take_filter(const Child& child) noexcept {
    const ConfinementPlan& wanted = child.plan.confinement;
    if (wanted.no_new_privileges && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        fail(child, Stage::filter);
    }
    report_lookups(child);
    if (wanted.filter.count == 0) {
        return;
    }
    if (!wanted.reports_calls) {
        if (load_filter(wanted.filter.values, wanted.filter.count) < 0) {
            fail(child, Stage::filter);
        }
        return;
    }
    const int listener = load_reporting_filter(wanted.filter.values, wanted.filter.count);
    if (listener < 0 || send_fd(child.channel, listener, tag_listener) < 0) {
        fail(child, Stage::filter);
    }
    // Not even for exec's short while: who holds it may allow what it likes.
    (void)::close(listener);
}

/// As docker makes an image's WorkingDir. What cannot be made cannot be entered either, which is told then.
void make_directories(const char* path) noexcept {
    char part[PATH_MAX];
    const std::size_t length = ::strnlen(path, sizeof part - 1);
    std::memcpy(part, path, length);
    part[length] = '\0';
    if (::mkdir(part, 0755) == 0 || errno != ENOENT) {
        return;
    }
    for (std::size_t i = 1; i <= length; ++i) {
        if (path[i] == '/' || path[i] == '\0') {
            part[i] = '\0';
            (void)::mkdir(part, 0755);
            part[i] = path[i];
        }
    }
}

/// The directory, and the proof that it lies inside: CVE-2024-21626.
void enter_directory(const Child& child) noexcept {
    const ProcessPlan& process = child.plan.process;
    if (::chdir(process.directory) < 0) {
        fail(child, Stage::directory);
    }
    char path[PATH_MAX];
    if (::getcwd(path, sizeof path) == nullptr || path[0] != '/') {
        errno = ENOENT;
        fail(child, Stage::directory);
    }
}

/// What the kernel could not run, for the parent to name its architecture.
void read_header(const char* path, Report& report) noexcept {
    const int file = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file >= 0) {
        (void)!::read(file, report.header, sizeof report.header);
        (void)::close(file);
    }
}

/// As execvp(3): what is missing or may not be run is passed over, the first other failure is the one to
/// report.
[[noreturn]] void execute(const Child& child) noexcept {
    const ProcessPlan& process = child.plan.process;
    Report report;
    report.stage = Stage::execute;
    report.code = ENOENT;
    for (const char* path : process.candidates) {
        ::execve(path, process.arguments, process.environment);
        const int code = errno;
        if (code == ENOENT || code == ENOTDIR) {
            // A script or program whose interpreter is missing says ENOENT as well.
            if (::access(path, F_OK) == 0) {
                report.found = true;
                report.code = ENOENT;
                break;
            }
            continue;
        }
        report.found = true;
        report.code = code;
        if (code != EACCES) {
            read_header(path, report);
            break;
        }
    }
    fail_with(child, report);
}

} // namespace

void become_command(Child& child) noexcept {
    const ProcessPlan& process = child.plan.process;
    take_terminal(child);
    take_limits(child);
    if (process.makes_directory) {
        make_directories(process.directory);
    }
    take_credentials(child);
    if (!process.init) {
        die_with_parent(child); // again: another id has cleared it
    }
    enter_directory(child);
    // Only what was asked for is passed on, whatever the caller's caller had left open.
    if (sys::cloexec_from(3 + process.preserved_fds) < 0) {
        fail(child, Stage::execute);
    }
    if (::sigprocmask(SIG_SETMASK, &child.command_mask, nullptr) < 0) {
        fail(child, Stage::execute);
    }
    take_filter(child);
    execute(child);
}

} // namespace sandbox
