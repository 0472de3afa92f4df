// SPDX-License-Identifier: Apache-2.0
// Where the helper programs lie.
#pragma once

#include <string>

namespace sandbox {

/// The path of a helper: ../libexec/sandbox/NAME beside the directory of the running executable, which holds
/// for an installed tree and for a build tree alike.
std::string helper_path(const std::string& name);

} // namespace sandbox
