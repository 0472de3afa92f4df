// SPDX-License-Identifier: Apache-2.0
// Work done as id 0 of a user namespace that has a sandbox's maps: it may handle files that belong to
// sub-ids, and nothing else that the caller could not.
#pragma once

#include <functional>
#include <string>

#include "base/process.hpp"
#include "idmap/mapping.hpp"

namespace sandbox {

/// Forks into a new user namespace with `mapping`'s maps and runs `body` there, as id 0 where that is mapped,
/// else as the caller; its result is the exit status. All signals are unblocked; the child dies with its
/// parent. Throws where the namespace or the maps fail.
ChildProcess run_mapped(const Mapping& mapping, const std::function<int()>& body);

/// The same for a helper program. Failing to execute it shows as exit status 127.
ChildProcess spawn_mapped(const SpawnRequest& request, const Mapping& mapping);

/// remove_tree() of linux/tree.hpp, by run_mapped where the caller itself may not.
void remove_mapped_tree(int dir_fd, const std::string& name, const Mapping& mapping);

} // namespace sandbox
