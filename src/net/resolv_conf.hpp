// SPDX-License-Identifier: Apache-2.0
// The host's resolv.conf, reduced to what libslirp takes from it.
#pragma once

#include <string>
#include <string_view>

namespace sandbox::net {

/// The "nameserver" lines of a resolv.conf(5), in their order, each with a numeric address. Where there is
/// none, 127.0.0.1 and ::1 as resolv.conf(5) has it: "the default is to use the name server on the local
/// machine".
std::string nameserver_lines(std::string_view resolv_conf);

} // namespace sandbox::net
