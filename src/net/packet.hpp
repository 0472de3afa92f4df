// SPDX-License-Identifier: Apache-2.0
// Frames as the parts of sandbox-net see them: who talks to whom, and the answers that we make ourselves.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/ip_address.hpp"
#include "net/bytes.hpp"

namespace sandbox::net {

using Frame = std::vector<std::byte>;
using MacAddress = std::array<std::uint8_t, 6>;

/// https://www.iana.org/assignments/protocol-numbers
enum class Protocol : std::uint8_t { icmp = 1, tcp = 6, udp = 17, icmpv6 = 58 };

/// Bits of the TCP header's 14th byte. RFC 9293, 3.1.
enum TcpFlag : std::uint8_t { tcp_fin = 1, tcp_syn = 2, tcp_rst = 4, tcp_ack = 16 };

/// A unicast IP packet in an Ethernet frame. The spans lead into the frame.
struct Packet {
    Bytes frame;     ///< from the Ethernet header
    Bytes ip;        ///< from the IP header, without padding behind the packet
    Bytes transport; ///< from the TCP, UDP or ICMP header
    Bytes payload;   ///< TCP and UDP: the data; ICMP: what follows the first 8 bytes
    Protocol protocol{};
    Endpoint source;      ///< port 0 for ICMP
    Endpoint destination; ///< port 0 for ICMP
    std::uint8_t tcp_flags = 0;
    std::uint8_t hop_limit = 0; ///< IPv4's time to live

    /// A connection's first segment.
    [[nodiscard]] bool is_syn() const noexcept {
        return protocol == Protocol::tcp && (tcp_flags & (tcp_syn | tcp_ack | tcp_rst | tcp_fin)) == tcp_syn;
    }
};

/// @param frame one that judge_frame() passes, or that libslirp made
/// @return nothing for ARP, and whatever else is not TCP, UDP or ICMP in one whole packet
std::optional<Packet> parse_packet(Bytes frame) noexcept;

/// The reset that a closed port answers a segment with. RFC 9293, 3.10.7.1.
Frame make_reset(const Packet& segment);

/// ICMP's and ICMPv6's "destination unreachable" codes that we send. RFC 792, RFC 1812 5.2.7.1, RFC 4443 3.1.
enum class Unreachable : std::uint8_t { network, host, port, prohibited };

/// The error to `packet`, from the gateway. ICMPv6 has no codes for network and host: "no route" and "address
/// unreachable" stand for them.
Frame make_unreachable(const Packet& packet, Unreachable reason);

/// The error of a router at which `packet`, an echo request, ran out of hops.
Frame make_time_exceeded(const Packet& packet, const IpAddress& router);

/// A datagram to the guest, in one frame whatever its size: up to 65507 bytes for IPv4, 65527 for IPv6.
/// @param guest the MAC address of the sandbox's interface
Frame make_datagram(const Endpoint& source, const Endpoint& destination, Bytes payload,
                    const MacAddress& guest);

/// The reply to an echo request, with the request's identifier and sequence number. RFC 792, RFC 4443 4.2.
Frame make_echo_reply(const Packet& request, Bytes data);

} // namespace sandbox::net
