// SPDX-License-Identifier: Apache-2.0
// The path of a frame: filter, policy, and then the one part that serves its kind of traffic.
//
//   tap ─▶ from_inside ─▶ judge_frame ─▶ nameserver:53 ──────────▶ DnsForwarder
//                             │            answers to published peers ▶ UdpPublisher
//                             │            policy says no ───────────▶ RST or ICMP, and a line in the log
//                             │            echo ─────────────────────▶ EchoRelay
//                             │            TCP ──────────────────────▶ TcpEngine, where there is one
//                             └ ARP, neighbours, DHCP, and the rest ─▶ libslirp
//   tap ◀─ to_inside ◀────────── libslirp, EchoRelay: what the flow table counts
//   tap ◀──────────────────────── the others, which count their own
#pragma once

#include <functional>

#include "net/flow_table.hpp"
#include "net/packet.hpp"
#include "net/policy.hpp"
#include "net/tap.hpp"
#include "net/tcp_engine.hpp"

namespace sandbox::net {

class Router {
  public:
    using PacketHandler = std::function<void(const Packet&)>;
    /// Whoever serves a kind of traffic. All but `tcp` and `published` must be there before the first frame.
    struct Parts {
        std::function<void(Bytes frame)> slirp;
        PacketHandler dns;                            ///< datagrams to the nameserver's port 53
        PacketHandler echo;                           ///< requests to the outside
        std::function<bool(const Packet&)> published; ///< @return whether it was an answer to a peer
        TcpEngine* tcp = nullptr;
    };

    /// All must outlive it.
    /// @param ipv6 as for judge_frame()
    Router(const Tap& tap, const Policy& policy, FlowTable& flows, bool ipv6);

    void connect(Parts parts) { parts_ = std::move(parts); }

    /// Where the nameserver has no listener for libslirp to connect to: its port is closed to TCP then,
    /// unless Parts::tcp serves it.
    void close_dns_stream_port() noexcept { has_dns_stream_port_ = false; }

    /// A frame as it was read from the tap.
    void from_inside(Bytes frame);

    /// A frame of libslirp or EchoRelay. With an allow-list, a datagram from whom the inside
    /// has not written to is dropped: libslirp's UDP sockets take them from anybody.
    void to_inside(Bytes frame);

  private:
    void route_tcp(const Packet& segment);
    void route_udp(const Packet& datagram);
    void route_icmp(const Packet& message);
    bool may_open(const Packet& packet);
    void refuse(const Packet& packet);
    void hand_to_slirp(const Packet& packet);

    const Tap& tap_;
    const Policy& policy_;
    FlowTable& flows_;
    bool ipv6_;
    bool has_dns_stream_port_ = true;
    Parts parts_;
};

} // namespace sandbox::net
