// SPDX-License-Identifier: Apache-2.0
// What this host allows, found by trying it, and what to do about what it does not.
#pragma once

#include <string>
#include <vector>

#include "doctor/finding.hpp"
#include "run/cgroup.hpp"

namespace sandbox {

/// Tries everything that a start needs or can use, in namespaces and a directory of its own; leaves nothing.
/// The process itself may be in another cgroup meanwhile, as with a start that has limits.
/// @param store_path where images lie; it need not exist
std::vector<Finding> examine_host(const std::string& store_path, const SessionAddress& session);

/// Whether `sandbox shell IMAGE` works: nothing is missing.
bool main_job_works(const std::vector<Finding>& findings);

std::string findings_text(const std::vector<Finding>& findings);
/// {"works": true, "findings": [{"name", "state", "detail", "fix"}, ...]}
std::string findings_json(const std::vector<Finding>& findings);

} // namespace sandbox
