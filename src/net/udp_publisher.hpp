// SPDX-License-Identifier: Apache-2.0
// --publish for UDP: datagrams that come to a socket of the host go in as frames from the peer's own address,
// and the answers go out through the same socket, from the address that the peer wrote to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/ip_address.hpp"
#include "base/unique_fd.hpp"
#include "net/flow_table.hpp"
#include "net/idle_table.hpp"
#include "net/packet.hpp"
#include "net/reactor.hpp"
#include "net/tap.hpp"
#include "net/watched_fd.hpp"

namespace sandbox::net {

/// Peers that the inside could not answer by their own address (the host's loopback, link-local ones, those
/// in the guest's own network) appear as the gateway, by their own port where it is free. So nobody outside
/// looks like the service's own loopback: CVE-2021-20199.
class UdpPublisher {
  public:
    /// All must outlive it.
    /// @param ipv6 whether the inside has it; without, peers of IPv6 appear as the gateway's IPv4 address
    UdpPublisher(Reactor& reactor, FlowTable& flows, const Tap& tap, bool ipv6);

    /// Throws SystemError.
    /// @param socket bound, of AF_INET or AF_INET6
    /// @param port inside
    void publish(UniqueFd socket, std::uint16_t port);

    /// Sends a datagram from inside to the peer it answers.
    /// @return false where it is none: not from a published port, or to nobody who wrote to that port
    bool input(const Packet& datagram);

    [[nodiscard]] std::size_t peers() const noexcept { return peers_.size(); }

  private:
    struct Listener {
        WatchedFd socket;
        std::uint16_t port;
    };
    /// Who wrote to what.
    struct Origin {
        const Listener* listener = nullptr;
        Endpoint peer;
        IpAddress local;

        friend bool operator==(const Origin&, const Origin&) = default;
    };
    struct OriginHash {
        std::size_t operator()(const Origin& origin) const noexcept;
    };
    struct Peer {
        Origin origin;
        SocketAddress address; ///< as it was received, scope included
    };
    /// A datagram's headers. Its payload is in buffer_.
    struct Arrival {
        Origin origin;
        SocketAddress address;
        std::size_t size = 0;
    };

    void receive(const Listener& listener);
    std::optional<Arrival> receive_one(const Listener& listener);
    std::optional<FlowKey> flow_of(const Arrival& arrival);
    FlowKey appearance(const Origin& origin) const;

    Reactor& reactor_;
    FlowTable& flows_;
    const Tap& tap_;
    bool ipv6_;
    std::vector<std::byte> buffer_;
    std::vector<std::unique_ptr<const Listener>> listeners_;
    std::unordered_map<Origin, FlowKey, OriginHash> by_origin_;
    IdleTable<FlowKey, Peer, FlowKeyHash> peers_;
};

} // namespace sandbox::net
