// SPDX-License-Identifier: Apache-2.0
// Who holds a lock, for people. Private to this room.
#pragma once

#include <string>

namespace sandbox {

/// "process 1234 (sandbox run alpine sleep 100)", several joined by commas, or "another process" where the
/// kernel does not say: /proc/locks, proc(5).
std::string lock_holders(int dir_fd, const std::string& path);

} // namespace sandbox
