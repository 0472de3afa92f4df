// SPDX-License-Identifier: Apache-2.0
// A process's own id maps. Usable between clone and exec.
#pragma once

namespace sandbox {

/// Writes "deny" to /proc/self/setgroups, then both maps of one line each: all that a process without
/// privilege over the parent namespace may write of its own. user_namespaces(7).
/// @param uid_map,gid_map "INSIDE OUTSIDE 1\n", null-terminated
/// @return 0, or -1 with errno
int write_own_maps(const char* uid_map, const char* gid_map) noexcept;

} // namespace sandbox
