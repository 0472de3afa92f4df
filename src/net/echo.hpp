// SPDX-License-Identifier: Apache-2.0
// ping of the outside, IPv4 and IPv6, through the host's unprivileged ICMP sockets: icmp(7);
// net.ipv4.ping_group_range rules both.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "net/flow_table.hpp"
#include "net/idle_table.hpp"
#include "net/packet.hpp"
#include "net/reactor.hpp"
#include "net/watched_fd.hpp"

namespace sandbox::net {

/// One connected socket for each destination and identifier. What the outside answers, ICMP errors included,
/// is passed on to the one who asked.
class EchoRelay {
  public:
    using Output = std::function<void(Bytes frame)>;

    /// @param output takes the frames for the inside
    /// @param on_forbidden called once, when the host allows no ICMP socket: requests are answered with
    /// "prohibited" then. May be empty
    EchoRelay(Reactor& reactor, Output output, std::function<void()> on_forbidden);

    /// A request to an address outside that the policy allows.
    void input(const Packet& request);

    [[nodiscard]] std::size_t size() const noexcept { return flows_.size(); }

  private:
    /// The latest request, as much of it as an ICMP error has to quote.
    struct Request {
        std::array<std::byte, 14 + 40 + 8 + 8> head{};
        std::size_t size = 0;
        Protocol protocol{};
        Endpoint source;
        Endpoint destination;

        explicit Request(const Packet& request) noexcept;
        /// Of the request that an answer is to, where it is not the latest.
        void set_sequence(std::uint16_t sequence) noexcept;
        /// As it was sent; `payload` is empty.
        [[nodiscard]] Packet packet() const noexcept;
    };
    struct Flow {
        WatchedFd socket;
        Request latest;
        unsigned hop_limit = 0; ///< that the socket has; 0: none was set
    };

    Flow* open(const FlowKey& key, const Packet& request);
    void send(Flow& flow, const Packet& request);
    void refuse(const Packet& request, int error);
    void serve(const FlowKey& key);
    void pass_on_replies(const Flow& flow);
    void pass_on_errors(const Flow& flow);

    Reactor& reactor_;
    Output output_;
    std::function<void()> on_forbidden_;
    std::vector<std::byte> buffer_;
    IdleTable<FlowKey, Flow, FlowKeyHash> flows_;
};

} // namespace sandbox::net
