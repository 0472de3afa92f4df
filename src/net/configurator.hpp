// SPDX-License-Identifier: Apache-2.0
// The part of sandbox-net that goes into the sandbox's namespaces for a moment, before the walls are up and
// before the first packet: it writes the rules of splice_rules.hpp and brings sockets out.
//
//   sandbox-net                          configurator (a fork)
//   fork                            ─▶   joins the namespaces that the tap leads to
//   waits, but not for ever              rules, listeners, raw sockets: IPv4, then IPv6
//   confine()                       ◀─   one packet: which sockets, and what went wrong; the sockets
//   (SCM_RIGHTS) reads packets                        leaves, or stays as the agent of socket_agent.hpp
#pragma once

#include <string>
#include <vector>

#include "base/unique_fd.hpp"

namespace sandbox::net {

/// Sockets inside the sandbox's network namespace, non-blocking.
struct SpliceSockets {
    UniqueFd listener; ///< transparent: it accepts connections to any address
    UniqueFd raw;      ///< sends whole IP packets, with splice_mark

    [[nodiscard]] bool valid() const noexcept { return listener.valid() && raw.valid(); }
};

struct ConfiguratorRequest {
    bool splice = true;
    bool ipv6 = true;
    bool agent = false;  ///< a process that makes sockets inside, for as long as its channel is open
    int patience = 5000; ///< milliseconds; the kernel may have to load modules
};

struct ConfiguratorResult {
    SpliceSockets ipv4;
    SpliceSockets ipv6;
    UniqueFd diagnosis;  ///< for KeepaliveLookup
    UniqueFd agent;      ///< its channel, a SOCK_SEQPACKET
    std::string failure; ///< why something that was asked for is not there; for a debug line

    /// All that came.
    [[nodiscard]] std::vector<int> fds() const;
};

/// Never throws for what the kernel or the sandbox does not allow: then there are fewer sockets and a reason.
/// The rules of a family are in force if and only if its sockets came.
/// @param tap a descriptor of the tap, whose namespace is the sandbox's
ConfiguratorResult configure_namespace(int tap, const ConfiguratorRequest& request);

} // namespace sandbox::net
