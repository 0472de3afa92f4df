// SPDX-License-Identifier: Apache-2.0
// A cgroup of one's own from the user's systemd, over D-Bus.
#pragma once

#include <sys/types.h>

namespace sandbox::aid {

/// Moves `pid` into a new scope unit with Delegate=yes and waits until it is there: whoever runs as the user
/// may make cgroups below it. The unit goes when its last process has ended. Throws Error where there is no
/// user manager, or where it refuses.
void make_scope(pid_t pid);

} // namespace sandbox::aid
