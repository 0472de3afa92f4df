// SPDX-License-Identifier: Apache-2.0
// --dry-run: a Plan for people, or as JSON.
#pragma once

#include <string>

#include "idmap/mapping.hpp"
#include "plan/plan.hpp"
#include "spec/spec.hpp"

namespace sandbox {

/// Lines of text: namespaces, maps, root, steps, network, limits, command.
std::string plan_text(const Plan& plan, const Mapping& mapping, const CgroupLimits& limits);

/// One JSON object with the same.
std::string plan_json(const Plan& plan, const Mapping& mapping, const CgroupLimits& limits);

} // namespace sandbox
