// SPDX-License-Identifier: Apache-2.0
// From trees of the store to a tar, by the confined sandbox-unpack.
#pragma once

#include <string>
#include <vector>

#include "base/log.hpp"
#include "idmap/mapping.hpp"

namespace sandbox {

/// Writes what an overlay of `layers` (host paths, uppermost first) shows as a tar to `fd`, which stays the
/// caller's. Owners are those inside of `mapping`. Throws Error about `name`; Interrupted on SIGINT, SIGTERM,
/// SIGHUP, when the helper has ended.
void export_layers(const std::string& name, const std::vector<std::string>& layers, const Mapping& mapping,
                   int fd, const Log& log);

} // namespace sandbox
