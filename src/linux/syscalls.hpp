// SPDX-License-Identifier: Apache-2.0
// System calls that glibc 2.36 has no wrapper for, or none usable from C++. Each does one call, answers -1
// with errno set, allocates nothing and may be used between clone and exec.
#pragma once

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstdint>

namespace sandbox::sys {

/// clone3(2). Returns twice, as fork(2) does, when `arguments` names no stack.
inline pid_t clone3(clone_args* arguments) noexcept {
    return static_cast<pid_t>(::syscall(SYS_clone3, arguments, sizeof *arguments));
}

/// openat2(2): path resolution that cannot leave `dir_fd` when `resolve` has RESOLVE_IN_ROOT.
inline int openat2(int dir_fd, const char* path, std::uint64_t flags, std::uint64_t mode,
                   std::uint64_t resolve) noexcept {
    open_how how{};
    how.flags = flags | O_CLOEXEC;
    how.mode = mode;
    how.resolve = resolve;
    return static_cast<int>(::syscall(SYS_openat2, dir_fd, path, &how, sizeof how));
}

/// pivot_root(2)
inline int pivot_root(const char* new_root, const char* put_old) noexcept {
    return static_cast<int>(::syscall(SYS_pivot_root, new_root, put_old));
}

/// pidfd_open(2)
inline int pidfd_open(pid_t pid) noexcept {
    return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}

/// pidfd_send_signal(2)
inline int pidfd_send_signal(int pidfd, int signal, siginfo_t* info = nullptr) noexcept {
    return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, signal, info, 0));
}

/// close_range(2): every descriptor from `first` on is closed, or marked close-on-exec.
inline int close_from(unsigned first) noexcept {
    return static_cast<int>(::syscall(SYS_close_range, first, ~0U, 0));
}
inline int cloexec_from(unsigned first) noexcept {
    return static_cast<int>(::syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC));
}

/// keyctl(2): an empty session keyring of the caller's own, in place of the one it was born with.
inline long join_new_session_keyring() noexcept {
    return ::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr);
}

} // namespace sandbox::sys
