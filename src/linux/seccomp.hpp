// SPDX-License-Identifier: Apache-2.0
// System-call filters (seccomp(2)) for the helper programs, built from a list of what they use.
#pragma once

#include <cstdint>
#include <span>

namespace sandbox {

/// Which domains socket(2) may be asked for, where it is allowed at all.
enum class SocketDomains : std::uint8_t {
    internet,
    /// Only where something else keeps it from the host's abstract sockets (a display, a session bus), which
    /// are in reach of whoever has its network namespace. unix(7), network_namespaces(7).
    internet_and_unix,
};

/// Allows the calls in `allowed` (SYS_* of this architecture) and answers every other with EPERM; a call made
/// through another architecture's entry (i386, x32) kills the process. Needs no_new_privs, which it sets.
/// @return 0, or -1 with errno
int load_allow_list(std::span<const int> allowed, SocketDomains domains = SocketDomains::internet) noexcept;

} // namespace sandbox
