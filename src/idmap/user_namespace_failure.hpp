// SPDX-License-Identifier: Apache-2.0
// Why the kernel refuses a user namespace: its errno does not say, its settings do.
#pragma once

#include <optional>
#include <string>

#include "base/error.hpp"

namespace sandbox {

/// An Error that names the setting in the way and how to change it.
/// @param code the errno of clone(2), unshare(2), or of the first privileged step inside the namespace: where
/// AppArmor restricts user namespaces they can be made, and are then without power
Error user_namespace_failure(int code);

/// The setting of 0, if there is one, because of which no namespace, or none of some kind, can be made.
std::optional<Error> forbidding_sysctl();

/// The AppArmor profile that confines the caller; empty where none does.
std::string apparmor_profile();

/// Whether AppArmor takes the capabilities of new user namespaces away (Ubuntu 23.10 and later).
bool apparmor_restricts_user_namespaces();

} // namespace sandbox
