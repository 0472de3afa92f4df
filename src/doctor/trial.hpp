// SPDX-License-Identifier: Apache-2.0
// Trying something out in a process of its own, in namespaces that go with it.
#pragma once

#include <functional>

namespace sandbox {

/// Forks, enters a new user namespace in which the caller is root alone, with the other namespaces of `flags`
/// (CLONE_NEW*), and runs `body`.
/// @param body returns 0, or an errno value
/// @return 0, or the errno of what failed first; EIO where the process died
int try_in_namespaces(int flags, const std::function<int()>& body);

} // namespace sandbox
