// SPDX-License-Identifier: Apache-2.0
// The name servers in the host's resolv.conf.
#pragma once

#include <string_view>
#include <vector>

#include "base/ip_address.hpp"

namespace sandbox::net {

/// Port 53 of the addresses in the "nameserver" lines of a resolv.conf(5), in their order. Link-local ones
/// with a zone (fe80::1%eth0) are left out. Where there is none, 127.0.0.1 and ::1, as resolv.conf(5) has it:
/// "the default is to use the name server on the local machine".
std::vector<Endpoint> nameservers(std::string_view resolv_conf);

} // namespace sandbox::net
