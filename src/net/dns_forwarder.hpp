// SPDX-License-Identifier: Apache-2.0
// The name server that the inside sees, 10.0.2.3 and fd00::3, UDP and TCP: questions go to the host's name
// servers, or those of --dns, one after the other until one answers.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/ip_address.hpp"
#include "base/unique_fd.hpp"
#include "net/flow_log.hpp"
#include "net/packet.hpp"
#include "net/policy.hpp"
#include "net/reactor.hpp"
#include "net/tap.hpp"

namespace sandbox::net {

/// It keeps no answers and knows no zone of its own: both are the servers' business, and a copy here would
/// outlive a change of theirs.
///
/// With an allow-list, a question whose name is not allowed is never sent, whatever its type; it is answered
/// at once with "no such name" (NXDOMAIN), and to clients that speak EDNS with the reason as well (RFC 8914,
/// "Blocked"). REFUSED would be truer, but makes libc ask the next server, or again, and report a temporary
/// failure, which package managers retry; musl even waits until its time is up. NXDOMAIN ends the search
/// everywhere; without an SOA record nobody keeps it (RFC 2308, 5).
///
/// The addresses in an answer are taught to the policy before the client has it.
class DnsForwarder {
  public:
    /// Connections served at once; the one that was quiet longest makes room.
    static constexpr std::size_t most_clients = 64;
    /// Without a question or an answer a connection is closed. RFC 7766, 6.2.3.
    static constexpr std::chrono::seconds idle_time{10};

    /// Sends a frame to the inside.
    using Emit = std::function<void(Bytes frame)>;

    /// All must outlive it. @param mtu of the tap: no answer to a datagram is larger
    DnsForwarder(Reactor& reactor, const Tap& tap, Policy& policy, FlowLog& log, std::size_t mtu);
    DnsForwarder(Reactor& reactor, Emit emit, Policy& policy, FlowLog& log, std::size_t mtu);
    ~DnsForwarder();
    DnsForwarder(const DnsForwarder&) = delete;
    DnsForwarder& operator=(const DnsForwarder&) = delete;

    /// Whom to ask from now on, in this order, the first four; questions under way stay with whom they were
    /// sent to.
    void set_servers(std::vector<Endpoint> servers);

    /// A datagram to the name server's port 53.
    void input(const Packet& datagram);

    /// A connection to it (RFC 7766), accepted; served until its end, many questions at once.
    void serve(UniqueFd stream);

  private:
    struct Implementation;
    std::unique_ptr<Implementation> implementation_;
};

} // namespace sandbox::net
