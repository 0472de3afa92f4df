// SPDX-License-Identifier: Apache-2.0
// `sandbox build`: a command in a fixed world, whose outputs reach the workspace when it has succeeded.
#pragma once

#include "cli/options.hpp"
#include "spec/environment.hpp"

namespace sandbox {

/// Throws Error; what it returns is the exit status: the command's own, or with --check 0 where both builds
/// made the same and 1 where they did not.
int run_build(const Invocation& invocation, const Environment& caller);

} // namespace sandbox
