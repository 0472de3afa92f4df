// SPDX-License-Identifier: Apache-2.0
// The steps of what a request asks for beyond what every root gets. Private to this room; each function
// appends its steps.
#pragma once

#include <vector>

#include "plan/compile.hpp"

namespace sandbox {

/// What a root made of the host's directories has of them.
void add_host_parts(const PlanInputs& inputs, TextKeeper& texts, std::vector<Step>& steps);

/// What is the sandbox's own although its root is not to be written.
void add_private_directories(const PlanInputs& inputs, const IdFacts& ids, TextKeeper& texts,
                             std::vector<Step>& steps);

/// The caller's home in a sandbox of the host's root.
void add_home(const PlanInputs& inputs, TextKeeper& texts, std::vector<Step>& steps);

void add_timezone(const PlanInputs& inputs, TextKeeper& texts, std::vector<Step>& steps);

/// --volume, --mount, --tmpfs and the workspace of a build, in the user's order.
void add_user_mounts(const PlanInputs& inputs, TextKeeper& texts, std::vector<Step>& steps);

/// @param memory where the mask is kept
WorkspacePlan workspace_plan(const PlanInputs& inputs, TextKeeper& texts, std::vector<MaskEntry>& memory);

} // namespace sandbox
