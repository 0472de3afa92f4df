// SPDX-License-Identifier: Apache-2.0
// Whom the inside may talk to. Asked wherever a connection is made or a datagram leaves; nothing that the
// inside does can change it but a DNS answer to an allowed name.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ip_address.hpp"
#include "base/network_rules.hpp"
#include "net/packet.hpp"
#include "net/reactor.hpp"

namespace sandbox::net {

/// Three kinds of address need more than not being denied:
///  - the gateway stands for the host's loopback: it needs --host-loopback, and with an allow-list a rule for
///    its address as well;
///  - link-local addresses and those of clouds' metadata services need a rule that names their block, a part
///    of it, or the address, whether there is an allow-list or not. 0.0.0.0/0 does not name 169.254/16;
///  - loopback, and the guest's own subnets beside gateway and name server, are never reached.
/// No name opens any of the three, whatever a server answers for it (DNS rebinding). IPv4-mapped addresses
/// are judged as IPv4, and 6to4 and NAT64 addresses by the IPv4 address inside as well.
class Policy {
  public:
    /// An answer counts at least that long, since programs keep what they resolved (Java 30 s, curl 60 s),
    /// and a TTL of 0 must leave time to connect; and at most a day.
    static constexpr std::chrono::seconds least_lifetime{60};
    static constexpr std::chrono::seconds longest_lifetime{86'400};
    /// Pairs of a name and an address that are remembered; and of those, names of one address.
    static constexpr std::size_t most_answers = 16'384;
    static constexpr std::size_t most_names_of_address = 64;

    /// @param rules of --allow; empty: everything that the frame filter passes, save the kinds above
    /// @param host_loopback whether the gateway's address leads to the host's loopback
    Policy(std::vector<AllowRule> rules, bool host_loopback);

    /// Whether there is an allow-list.
    [[nodiscard]] bool is_restricted() const noexcept { return !rules_.empty(); }

    /// Whether traffic of this protocol may go to `destination` (its port, and those of rules, are ignored
    /// for ICMP). The name server's DNS port is always allowed: the forwarder itself asks allows_name(). So
    /// are echo requests to the gateway and the name server, which are answered here.
    [[nodiscard]] bool allows(Protocol protocol, const Endpoint& destination, Clock::time_point now) const;

    /// Whether the forwarder may ask for a name (canonical form). A rule that allows every address allows
    /// every name: whoever reaches any name server needs no forwarder to leak.
    [[nodiscard]] bool allows_name(std::string_view name) const;

    /// An address that a server answered for `name`, which a client asked for (not the CNAME on the way).
    /// Bounded: the oldest goes first. A later answer never shortens what an earlier one promised.
    /// @param lifetime the record's TTL; open connections are not ended by it
    void learn(std::string_view name, const IpAddress& address, std::chrono::seconds lifetime,
               Clock::time_point now);

    /// The name whose answer last held this address, or "".
    [[nodiscard]] std::string name_of(const IpAddress& address) const;

    /// Where a connection to `destination` goes in the host's network: the host's loopback for the gateway
    /// where that is allowed, else the same.
    [[nodiscard]] Endpoint outside(const Endpoint& destination) const;

  private:
    struct Answer {
        std::string name;
        IpAddress address;
        Clock::time_point end;
    };
    using Answers = std::list<Answer>; ///< the oldest first

    [[nodiscard]] bool any_prefix_allows(const IpAddress& address, std::uint16_t port) const;
    [[nodiscard]] bool any_name_allows(const IpAddress& address, std::uint16_t port,
                                       Clock::time_point now) const;
    void forget(Answers::iterator answer);

    std::vector<AllowRule> rules_;
    bool host_loopback_;
    Answers answers_;
    std::unordered_map<IpAddress, std::vector<Answers::iterator>> by_address_; ///< each list oldest first
};

} // namespace sandbox::net
