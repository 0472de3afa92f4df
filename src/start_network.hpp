// SPDX-License-Identifier: Apache-2.0
// The user-mode network of a start: from the Spec to what sandbox-net is given.
#pragma once

#include <string>
#include <vector>

#include "base/log.hpp"
#include "run/network_helper.hpp"
#include "spec/spec.hpp"

namespace sandbox {

/// Opens the log files and binds the published ports: a port that is taken or a log that cannot be written
/// throws here, before anything of the command has run. Empty where there is no user-mode network.
NetworkRequest request_network(const SandboxSpec& sandbox, const Log& log);

/// --publish-all: binds a port that the kernel chooses, on 127.0.0.1, for each of an image's.
/// @param ports as the image's config has them: "80/tcp", "8000-8010/udp"; what is none is said and left out
void publish_exposed_ports(const std::vector<std::string>& ports, NetworkRequest& request, const Log& log);

} // namespace sandbox
