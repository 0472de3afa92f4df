// SPDX-License-Identifier: Apache-2.0
// System-call filters (seccomp(2)) for the helper programs, built from a list of what they use.
#pragma once

#include <cstdint>
#include <span>

namespace sandbox {

/// Allows the calls in `allowed` (SYS_* of this architecture) and answers every other with EPERM; a call made
/// through another architecture's entry (i386, x32) kills the process. SYS_socket in the list stands for
/// internet sockets, SYS_clone for threads; SYS_clone3 answers ENOSYS, so that libc falls back on clone.
/// Needs no_new_privs, which it sets.
/// @return 0, or -1 with errno
int load_allow_list(std::span<const int> allowed) noexcept;

} // namespace sandbox
