// SPDX-License-Identifier: Apache-2.0
// One decision after the other, in the order of the picture in router.hpp.
#include "net/router.hpp"

#include "net/addresses.hpp"
#include "net/bytes.hpp"
#include "net/frame_filter.hpp"

namespace sandbox::net {

namespace {

constexpr std::uint16_t port_dns = 53;
constexpr std::uint16_t port_dhcp_server = 67;
constexpr std::uint16_t port_dhcpv6_server = 547;

bool is_interface_of(const IpAddress& address, const Ipv6Address& other) noexcept {
    return std::ranges::equal(address.bytes().last(8), std::span{other}.last(8));
}

/// By the address in the guest's network or, for IPv6, by the link-local one beside it.
bool is_at(const IpAddress& address, const Ipv4Address& ipv4, const Ipv6Address& ipv6) noexcept {
    if (!address.is_ipv6()) {
        return address == IpAddress{ipv4};
    }
    return address == IpAddress{ipv6} || (address.is_link_local() && is_interface_of(address, ipv6));
}

bool is_gateway(const IpAddress& address) noexcept {
    return is_at(address, ipv4_gateway, ipv6_gateway);
}

bool is_nameserver(const IpAddress& address) noexcept {
    return is_at(address, ipv4_nameserver, ipv6_nameserver);
}

bool is_multicast_or_broadcast(const IpAddress& address) noexcept {
    return address.bytes()[0] == 0xff; // 255.255.255.255; ff00::/8
}

/// The frame filter passes broadcasts and multicasts of DHCP alone; a lease is renewed by unicast, of IPv4:
/// to libslirp a port of the IPv6 gateway is the host's own.
bool is_to_dhcp(const Endpoint& destination) noexcept {
    return is_multicast_or_broadcast(destination.address) ||
           (is_gateway(destination.address) && !destination.address.is_ipv6() &&
            destination.port == port_dhcp_server);
}

bool is_from_dhcp(const Endpoint& source) noexcept {
    return is_gateway(source.address) &&
           source.port == (source.address.is_ipv6() ? port_dhcpv6_server : port_dhcp_server);
}

bool is_echo_request(const Packet& message) noexcept {
    return byte_at(message.transport, 0) == (message.protocol == Protocol::icmp ? 8 : 128);
}

} // namespace

Router::Router(const Tap& tap, const Policy& policy, FlowTable& flows, bool ipv6)
    : tap_(tap), policy_(policy), flows_(flows), ipv6_(ipv6) {}

void Router::from_inside(Bytes frame) {
    if (judge_frame(frame, ipv6_) != Verdict::pass) {
        return;
    }
    const std::optional<Packet> packet = parse_packet(frame);
    if (!packet) {
        parts_.slirp(frame); // ARP: what else the filter passes is a packet
        return;
    }
    switch (packet->protocol) {
        case Protocol::tcp:
            route_tcp(*packet);
            break;
        case Protocol::udp:
            route_udp(*packet);
            break;
        case Protocol::icmp:
        case Protocol::icmpv6:
            route_icmp(*packet);
            break;
    }
}

void Router::route_tcp(const Packet& segment) {
    // Only such a segment opens a flow, in libslirp as well: it answers any other without a socket with a
    // reset. tcp_input.c, tcp_input().
    if (segment.is_syn()) {
        if (is_nameserver(segment.destination.address) && segment.destination.port != port_dns) {
            tap_.write(make_reset(segment)); // nobody listens there
            return;
        }
        if (!may_open(segment)) {
            refuse(segment);
            return;
        }
    }
    if (parts_.tcp != nullptr && parts_.tcp->input(segment)) {
        return;
    }
    if (is_nameserver(segment.destination.address) &&
        (segment.destination.address.is_ipv6() || !has_dns_stream_port_)) {
        // libslirp serves our listener under an IPv4 address alone, and has a nameserver of its own there.
        tap_.write(make_reset(segment));
        return;
    }
    hand_to_slirp(segment);
}

void Router::route_udp(const Packet& datagram) {
    if (is_to_dhcp(datagram.destination)) {
        parts_.slirp(datagram.frame);
        return;
    }
    if (is_nameserver(datagram.destination.address)) {
        if (datagram.destination.port == port_dns) {
            parts_.dns(datagram);
        } else {
            tap_.write(make_unreachable(datagram, Unreachable::port));
        }
        return;
    }
    if (parts_.published && parts_.published(datagram)) {
        return;
    }
    if (!may_open(datagram)) {
        refuse(datagram);
        return;
    }
    hand_to_slirp(datagram);
}

void Router::route_icmp(const Packet& message) {
    if (!is_echo_request(message)) {
        parts_.slirp(message.frame); // neighbour discovery
        return;
    }
    const IpAddress& destination = message.destination.address;
    if (is_gateway(destination) || is_nameserver(destination)) {
        tap_.write(make_echo_reply(message, message.payload));
        return;
    }
    if (!may_open(message)) {
        refuse(message);
        return;
    }
    flows_.from_inside(message);
    parts_.echo(message);
}

/// What is open stays so when the DNS answer that allowed it has aged.
bool Router::may_open(const Packet& packet) {
    return policy_.allows(packet.protocol, packet.destination, Clock::now()) ||
           flows_.is_open(flow_of(packet, true));
}

void Router::refuse(const Packet& packet) {
    tap_.write(packet.protocol == Protocol::tcp ? make_reset(packet)
                                                : make_unreachable(packet, Unreachable::prohibited));
    flows_.deny(packet);
}

void Router::hand_to_slirp(const Packet& packet) {
    flows_.from_inside(packet);
    parts_.slirp(packet.frame);
}

void Router::to_inside(Bytes frame) {
    if (const std::optional<Packet> packet = parse_packet(frame)) {
        if (packet->protocol == Protocol::udp && policy_.is_restricted() && !is_from_dhcp(packet->source) &&
            !flows_.is_open(flow_of(*packet, false))) {
            return;
        }
        flows_.to_inside(*packet);
    }
    tap_.write(frame);
}

} // namespace sandbox::net
