// SPDX-License-Identifier: Apache-2.0
// A child's report in words: object, reason, hint. Private to this room.
#pragma once

#include "child/handshake.hpp"
#include "run/run.hpp"

namespace sandbox {

/// Throws what the report means: LaunchError, or Error with status 126 or 127 for Stage::execute.
[[noreturn]] void throw_report(const Report& report, const Plan& plan);

} // namespace sandbox
