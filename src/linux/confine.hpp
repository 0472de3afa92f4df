// SPDX-License-Identifier: Apache-2.0
// Walls that the helper programs put around themselves before they read hostile input.
#pragma once

#include <span>
#include <string>

namespace sandbox {

/// Makes `directory` the root of a mount namespace of the caller's own, by pivot_root(2): nothing else of the
/// host's files can be named afterwards. The working directory becomes the new root. Needs CAP_SYS_ADMIN in
/// the caller's user namespace; throws SystemError.
void enter_root(const std::string& directory);

/// Landlock (landlock(7)): handles every right the running kernel knows, and allows none, so no file can be
/// opened, made or changed by path from now on. Where `writable_root` is set, files below "/" may be.
/// @param readable open directories below which files and directories may be opened for reading
/// @return false where the kernel has no Landlock; then nothing has changed
bool landlock_restrict(bool writable_root, std::span<const int> readable = {});

/// Landlock: no connection any more to an abstract unix socket that a process outside made. unix(7);
/// landlock(7), "LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET".
/// @return false where the kernel is older than 6.12; then nothing has changed
bool landlock_scope_abstract_sockets();

/// The most bytes of address space, and the core-dump size 0. setrlimit(2).
void limit_memory(unsigned long long bytes);

} // namespace sandbox
