// SPDX-License-Identifier: Apache-2.0
// The user-mode network of a start: from the Spec to what sandbox-net is given.
#pragma once

#include "base/log.hpp"
#include "run/network_helper.hpp"
#include "spec/spec.hpp"

namespace sandbox {

/// Opens the log files and binds the published ports: a port that is taken or a log that cannot be written
/// throws here, before anything of the command has run. Empty where there is no user-mode network.
NetworkRequest request_network(const SandboxSpec& sandbox, const Log& log);

} // namespace sandbox
