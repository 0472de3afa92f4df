// SPDX-License-Identifier: Apache-2.0
// The child's life from clone to pid 1, as a checklist.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "child/child.hpp"
#include "linux/syscalls.hpp"
#include "linux/user_namespace.hpp"

namespace sandbox {

namespace {

/// Mount events of the host must not come in, nor ours go out. mount_namespaces(7), "Shared subtrees".
void make_mounts_private(const Child& child) noexcept {
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0) {
        fail(child, Stage::begin);
    }
}

void wait_for_maps(const Child& child) noexcept {
    if (child.plan.own_uid_map != nullptr) {
        if (write_own_maps(child.plan.own_uid_map, child.plan.own_gid_map) < 0) {
            fail(child, Stage::maps);
        }
    } else {
        char byte = 0;
        ssize_t got = 0;
        do {
            got = ::recv(child.channel, &byte, 1, 0);
        } while (got < 0 && errno == EINTR);
        if (got != 1 || byte != tag_maps_written) {
            ::_exit(125); // the parent is gone, or says itself why there are no maps
        }
    }
    if (child.plan.become_root && (::setresgid(0, 0, 0) < 0 || ::setresuid(0, 0, 0) < 0)) {
        fail(child, Stage::maps);
    }
}

/// The caller's keys belong to whoever has his session keyring, whatever the ids and namespaces. keyrings(7),
/// "Possession". A kernel without keys (ENOSYS), or a filter that we are under (EPERM), hands none out. A
/// user has 200 keyrings: where they are used up the filter alone keeps the command away, if it is ours.
void leave_keyring(const Child& child) noexcept {
    if (sys::join_new_session_keyring() < 0 && errno != ENOSYS && errno != EPERM &&
        child.plan.confinement.needs_own_keyring) {
        fail(child, Stage::keyring);
    }
}

void set_hostname(const Child& child) noexcept {
    const char* name = child.plan.hostname;
    if (name != nullptr && ::sethostname(name, std::strlen(name)) < 0) {
        fail(child, Stage::hostname);
    }
}

void make_cgroup_namespace(const Child& child) noexcept {
    if (child.plan.late_cgroup_namespace && ::unshare(CLONE_NEWCGROUP) < 0) {
        fail(child, Stage::begin);
    }
}

/// Offsets are fixed by the first process in the namespace: the unsharer stays outside, its children are in.
/// time_namespaces(7).
void make_time_namespace(const Child& child) noexcept {
    if (!child.plan.new_time_namespace) {
        return;
    }
    if (::unshare(CLONE_NEWTIME) < 0) {
        fail(child, Stage::time);
    }
    if (child.plan.time_offsets != nullptr) {
        const int file = ::open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
        const auto size = static_cast<ssize_t>(std::strlen(child.plan.time_offsets));
        if (file < 0 || ::write(file, child.plan.time_offsets, static_cast<std::size_t>(size)) != size) {
            fail(child, Stage::time);
        }
        (void)::close(file);
    }
}

} // namespace

/// From here on the parent's death is ours. Set last, because a change of ids clears it (prctl(2)); a parent
/// that died before is seen by the channel.
void die_with_parent(const Child& child) noexcept {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) {
        fail(child, Stage::begin);
    }
    char byte = 0;
    if (::recv(child.channel, &byte, 1, MSG_DONTWAIT) == 0) {
        ::_exit(125);
    }
}

void fail_with(const Child& child, const Report& report) noexcept {
    (void)::send(child.channel, &report, sizeof report, MSG_NOSIGNAL); // the exit status says the rest
    ::_exit(125);
}

void fail(const Child& child, Stage stage, std::uint32_t step, MountPhase phase) noexcept {
    Report report;
    report.code = errno;
    report.stage = stage;
    report.step = step;
    report.phase = static_cast<std::uint8_t>(phase);
    fail_with(child, report);
}

void enter_sandbox(const Plan& plan, int channel, const sigset_t& command_mask) noexcept {
    Child child{plan, channel, command_mask};
    // Out of the caller's job: what its terminal sends comes once, from the parent.
    (void)::setsid();
    make_mounts_private(child);
    set_up_network(child);
    wait_for_maps(child);
    // From here on ids mean what they will mean inside.
    leave_keyring(child);
    make_cgroup_namespace(child);
    allow_ping(child);
    make_time_namespace(child);
    make_root(child);
    if (plan.workspace.run_directory != nullptr) {
        prepare_workspace(child);
    }
    make_steps(child);
    set_hostname(child);
    if (plan.read_only_root) {
        remount_root_read_only(child);
    }
    if (plan.trace.opened_files) {
        hand_over_root(child);
    }
    pivot_into_root(child);
    // From here on nothing of the host's can be named.
    die_with_parent(child);
    if (plan.process.init) {
        run_init(child);
    }
    become_command(child);
}

} // namespace sandbox
