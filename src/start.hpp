// SPDX-License-Identifier: Apache-2.0
// `sandbox shell` and `sandbox run`: from what was asked for to the command's exit status.
#pragma once

#include "cli/options.hpp"
#include "spec/environment.hpp"

namespace sandbox {

/// Does it. Throws Error; what it returns is the exit status.
int start_sandbox(const Invocation& invocation, const Environment& caller);

} // namespace sandbox
