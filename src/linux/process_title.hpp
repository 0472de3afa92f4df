// SPDX-License-Identifier: Apache-2.0
// What ps(1) shows of a process that was forked and never executed anything.
#pragma once

namespace sandbox {

/// Replaces the command line, which everybody who sees the process can read, and the thread's name (the first
/// 15 bytes). Changes the memory of the caller only: in a fork, the parent's stays. May be used between clone
/// and exec. The environment must not have been changed since the start: its strings mark where the arguments
/// end.
void set_process_title(const char* title) noexcept;

} // namespace sandbox
