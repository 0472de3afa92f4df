// SPDX-License-Identifier: Apache-2.0
// What would fail in the child for a reason of the user's fails here, before anything is made.
#pragma once

#include "spec/spec.hpp"

namespace sandbox {

/// Devices that are none or that the caller may not use, and limits above the caller's own. Throws UsageError
/// or SystemError.
void check_confinement(const Spec& spec);

} // namespace sandbox
