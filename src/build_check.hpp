// SPDX-License-Identifier: Apache-2.0
// --check: the same build in two worlds.
#pragma once

#include "build_start.hpp"

namespace sandbox {

/// Builds twice and compares the outputs; the workspace stays as it is. Differences go to stderr, a line each
/// with what it betrays. @return 0 where there is none, 1 where there are, or the status of a build that
/// failed
int check_build(const BuildContext& context, SignalSource& signals);

} // namespace sandbox
