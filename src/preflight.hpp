// SPDX-License-Identifier: Apache-2.0
// What would fail in the child for a reason of the user's fails here, before anything is made.
#pragma once

#include <vector>

#include "run/cgroup.hpp"
#include "spec/spec.hpp"

namespace sandbox {

/// Devices that are none or that the caller may not use, and limits above the caller's own. Throws UsageError
/// or SystemError.
void check_confinement(const Spec& spec);

/// What --device-read-bps and --device-write-bps ask of a cgroup. Throws UsageError for what is no block
/// device.
std::vector<CgroupSetting> device_rate_settings(const std::vector<DeviceRate>& rates);

} // namespace sandbox
