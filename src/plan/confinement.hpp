// SPDX-License-Identifier: Apache-2.0
// What the command may do inside: capabilities, new privileges, resource limits, devices. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "plan/plan.hpp"
#include "plan/standard_mounts.hpp"
#include "spec/spec.hpp"

namespace sandbox {

/// The capabilities root inside has, one bit each.
std::uint64_t bounding_set(const Spec& spec);

/// For which of them the default system-call filter opens. Not all with --nested: sandboxes inside need
/// namespaces and mounts, and neither modules nor a new kernel.
std::uint64_t filter_capabilities(const Spec& spec);

/// Whether execve(2) may give more than its caller has. newuidmap of a sandbox inside needs that.
bool allows_new_privileges(const Spec& spec);

std::vector<LimitPlan> limit_plans(const ProcessSpec& process);

/// --device: each bound on its place, which is made where it is missing.
void add_devices(const SandboxSpec& sandbox, TextKeeper& texts, std::vector<Step>& steps);

} // namespace sandbox
