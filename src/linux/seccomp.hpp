// SPDX-License-Identifier: Apache-2.0
// System-call filters (seccomp(2)): ready-made ones for the command, and for the helper programs lists of
// what they use.
#pragma once

#include <linux/audit.h>
#include <linux/filter.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace sandbox {

/// What a filter sees of a call through this architecture's own entry. seccomp(2), struct seccomp_data
#if defined(__x86_64__)
inline constexpr std::uint32_t native_architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
inline constexpr std::uint32_t native_architecture = AUDIT_ARCH_AARCH64;
#else
#error "name this architecture's AUDIT_ARCH_ constant here"
#endif

/// Which domains socket(2) may be asked for, where it is allowed at all.
enum class SocketDomains : std::uint8_t {
    internet,
    /// Only where something else keeps it from the host's abstract sockets (a display, a session bus), which
    /// are in reach of whoever has its network namespace. unix(7), network_namespaces(7).
    internet_and_unix,
};

/// Allows the calls in `allowed` (SYS_* of this architecture) and answers every other with EPERM; a call made
/// through another architecture's entry (i386, x32) kills the process. SYS_socket in the list stands for
/// internet sockets, SYS_clone for threads; SYS_clone3 answers ENOSYS, so that libc falls back on clone.
/// Needs no_new_privs, which it sets.
/// @return 0, or -1 with errno
int load_allow_list(std::span<const int> allowed, SocketDomains domains = SocketDomains::internet) noexcept;

/// Loads a program for the calling thread, for ever. Needs no_new_privs or CAP_SYS_ADMIN. Usable between
/// clone and exec. @return 0, or -1 with errno
int load_filter(const sock_filter* instructions, std::size_t count) noexcept;

/// The same for one that answers SECCOMP_RET_USER_NOTIF. @return the listener, close-on-exec, or -1 with
/// errno
int load_reporting_filter(const sock_filter* instructions, std::size_t count) noexcept;

} // namespace sandbox
