// SPDX-License-Identifier: Apache-2.0
// Frames judged by their headers, field by field, in the order in which they stand on the wire.
#include "net/frame_filter.hpp"

#include <algorithm>
#include <array>

#include "net/addresses.hpp"
#include "net/bytes.hpp"

namespace sandbox::net {

namespace {

constexpr std::size_t ethernet_header = 14;
constexpr std::size_t ipv4_header = 20;
constexpr std::size_t ipv6_header = 40;
constexpr std::size_t tcp_header = 20;
constexpr std::size_t udp_header = 8;
constexpr std::size_t icmp_header = 8;

constexpr unsigned ethertype_ipv4 = 0x0800;
constexpr unsigned ethertype_arp = 0x0806;
constexpr unsigned ethertype_ipv6 = 0x86dd;

// https://www.iana.org/assignments/protocol-numbers
constexpr unsigned protocol_icmp = 1;
constexpr unsigned protocol_tcp = 6;
constexpr unsigned protocol_udp = 17;
constexpr unsigned protocol_icmpv6 = 58;

constexpr unsigned port_dhcp_server = 67;
constexpr unsigned port_dhcp_client = 68;
constexpr unsigned port_tftp = 69;
constexpr unsigned port_dhcpv6_server = 547;

/// Whether the transport's own header fits, and says nothing that contradicts the packet's length.
bool transport_is_sane(unsigned protocol, Bytes payload) noexcept {
    switch (protocol) {
        case protocol_tcp: {
            if (payload.size() < tcp_header) {
                return false;
            }
            const std::size_t length = std::size_t{byte_at(payload, 12) >> 4} * 4;
            return length >= tcp_header && length <= payload.size();
        }
        case protocol_udp: {
            if (payload.size() < udp_header) {
                return false;
            }
            const std::size_t length = word_at(payload, 4);
            return length >= udp_header && length <= payload.size();
        }
        default:
            return payload.size() >= icmp_header;
    }
}

// ---- ARP -------------------------------------------------------------------------------------------------

Verdict judge_arp(Bytes packet) noexcept {
    // Hardware and protocol type, their address lengths, operation: RFC 826, "Packet format".
    constexpr std::size_t arp_packet = 28;
    if (packet.size() < arp_packet || word_at(packet, 0) != 1 || word_at(packet, 2) != ethertype_ipv4 ||
        byte_at(packet, 4) != 6 || byte_at(packet, 5) != 4) {
        return Verdict::malformed;
    }
    const unsigned operation = word_at(packet, 6);
    if (operation != 1 && operation != 2) {
        return Verdict::unserved;
    }
    // 0.0.0.0 asks whether an address is taken. RFC 5227, 2.1.1.
    const auto sender = address_at<Ipv4Address>(packet, 14);
    return sender == ipv4_guest || sender == Ipv4Address{} ? Verdict::pass : Verdict::source;
}

// ---- IPv4 ------------------------------------------------------------------------------------------------

/// "This network", loopback, multicast, reserved and broadcast: RFC 6890, 2.2.2. A connect(2) to 0.0.0.0 is
/// one to loopback.
bool is_forbidden(const Ipv4Address& address) noexcept {
    return address[0] == 0 || address[0] == 127 || address[0] >= 224;
}

bool is_in_own_subnet(const Ipv4Address& address) noexcept {
    return std::equal(address.begin(), address.begin() + 3, ipv4_network.begin());
}

struct Ipv4Packet {
    Ipv4Address source;
    Ipv4Address destination;
    unsigned protocol;
    bool is_fragment;
    Bytes payload;
};

Verdict judge_ipv4_broadcast(const Ipv4Packet& packet) noexcept {
    const bool is_dhcp = packet.protocol == protocol_udp && !packet.is_fragment &&
                         transport_is_sane(protocol_udp, packet.payload) &&
                         word_at(packet.payload, 0) == port_dhcp_client &&
                         word_at(packet.payload, 2) == port_dhcp_server;
    if (!is_dhcp) {
        return Verdict::destination;
    }
    return packet.source == Ipv4Address{} || packet.source == ipv4_guest ? Verdict::pass : Verdict::source;
}

Verdict judge_ipv4_addresses(const Ipv4Packet& packet) noexcept {
    if (packet.destination == Ipv4Address{255, 255, 255, 255}) {
        return judge_ipv4_broadcast(packet);
    }
    if (is_forbidden(packet.destination)) {
        return Verdict::destination;
    }
    if (is_in_own_subnet(packet.destination)) {
        if (packet.destination != ipv4_gateway && packet.destination != ipv4_nameserver) {
            return Verdict::destination;
        }
    }
    return packet.source == ipv4_guest ? Verdict::pass : Verdict::source;
}

Verdict judge_ipv4_payload(const Ipv4Packet& packet) noexcept {
    if (packet.is_fragment) {
        // A lone last fragment kills Debian 12's libslirp 4.7.0-1 in ip_reass(): it takes it for a whole
        // datagram and follows a pointer made of its content. Found by trying; a plain rebuild of the same
        // source does not do so. CVE-2019-14378 and CVE-2020-1983 were in that function too.
        return Verdict::unserved;
    }
    if (!transport_is_sane(packet.protocol, packet.payload)) {
        return Verdict::malformed;
    }
    if (packet.protocol == protocol_icmp) {
        constexpr unsigned echo_request = 8;
        return byte_at(packet.payload, 0) == echo_request ? Verdict::pass : Verdict::unserved;
    }
    if (packet.protocol == protocol_udp && packet.destination == ipv4_gateway &&
        word_at(packet.payload, 2) == port_tftp) {
        return Verdict::unserved;
    }
    return Verdict::pass;
}

Verdict judge_ipv4(Bytes frame_payload) noexcept {
    if (frame_payload.size() < ipv4_header || byte_at(frame_payload, 0) >> 4 != 4) {
        return Verdict::malformed;
    }
    const std::size_t header_length = std::size_t{byte_at(frame_payload, 0) & 0xf} * 4;
    const std::size_t total_length = word_at(frame_payload, 2);
    if (header_length < ipv4_header || total_length < header_length ||
        total_length > frame_payload.size()) { // a short frame is padded, so it may be longer: RFC 894
        return Verdict::malformed;
    }
    if (header_length != ipv4_header) {
        return Verdict::unserved; // routers drop options too, source routes above all. RFC 7126
    }
    constexpr unsigned dont_fragment = 0x4000;
    const Ipv4Packet packet{
        .source = address_at<Ipv4Address>(frame_payload, 12),
        .destination = address_at<Ipv4Address>(frame_payload, 16),
        .protocol = byte_at(frame_payload, 9),
        .is_fragment = (word_at(frame_payload, 6) & ~dont_fragment) != 0,
        .payload = frame_payload.subspan(header_length, total_length - header_length),
    };
    if (const Verdict verdict = judge_ipv4_addresses(packet); verdict != Verdict::pass) {
        return verdict;
    }
    if (packet.protocol != protocol_tcp && packet.protocol != protocol_udp &&
        packet.protocol != protocol_icmp) {
        return Verdict::unserved;
    }
    return judge_ipv4_payload(packet);
}

// ---- IPv6 ------------------------------------------------------------------------------------------------

bool starts_with(const Ipv6Address& address, std::span<const std::uint8_t> prefix) noexcept {
    return std::equal(prefix.begin(), prefix.end(), address.begin());
}

bool is_in_own_prefix(const Ipv6Address& address) noexcept {
    return starts_with(address, std::span{ipv6_prefix}.first(ipv6_prefix_bits / 8));
}

/// fe80::/64, the only part of fe80::/10 in use: RFC 4291, 2.5.6.
bool is_link_local(const Ipv6Address& address) noexcept {
    constexpr std::array<std::uint8_t, 8> prefix{0xfe, 0x80};
    return starts_with(address, prefix);
}

/// Gateway or nameserver, by the address in the guest's prefix or the link-local one that libslirp gives
/// them.
bool is_ours(const Ipv6Address& address) noexcept {
    if (!is_in_own_prefix(address) && !is_link_local(address)) {
        return false;
    }
    const auto has_interface_of = [&](const Ipv6Address& other) {
        return std::equal(address.begin() + 8, address.end(), other.begin() + 8);
    };
    return has_interface_of(ipv6_gateway) || has_interface_of(ipv6_nameserver);
}

bool is_guests_global(const Ipv6Address& address) noexcept {
    return is_in_own_prefix(address) && !is_ours(address) && address != ipv6_prefix;
}

bool is_guests_link_local(const Ipv6Address& address) noexcept {
    return is_link_local(address) && !is_ours(address);
}

/// Whether no packet of TCP, UDP or echo may go there.
bool is_forbidden(const Ipv6Address& address) noexcept {
    constexpr std::array<std::uint8_t, 4> nat64{0x00, 0x64, 0xff, 0x9b};
    constexpr std::array<std::uint8_t, 2> six_to_four{0x20, 0x02};
    if (starts_with(address, nat64)) {
        return is_forbidden(Ipv4Address{address[12], address[13], address[14], address[15]});
    }
    if (starts_with(address, six_to_four)) {
        return is_forbidden(Ipv4Address{address[2], address[3], address[4], address[5]});
    }
    if (is_in_own_prefix(address)) {
        return !is_ours(address);
    }
    return address[0] == 0 || address[0] == 0xff || (address[0] == 0xfe && (address[1] & 0xc0) == 0x80);
}

struct Ipv6Packet {
    Ipv6Address source;
    Ipv6Address destination;
    unsigned protocol;
    unsigned hop_limit;
    Bytes payload;
};

Verdict judge_echo(const Ipv6Packet& packet) noexcept {
    if (is_ours(packet.destination)) {
        return is_guests_global(packet.source) || is_guests_link_local(packet.source) ? Verdict::pass
                                                                                      : Verdict::source;
    }
    if (is_forbidden(packet.destination)) {
        return Verdict::destination;
    }
    return is_guests_global(packet.source) ? Verdict::pass : Verdict::source;
}

Verdict judge_neighbour_discovery(const Ipv6Packet& packet, std::size_t least, bool to_multicast) noexcept {
    // Hop limit and code: RFC 4861, 6.1.1, 7.1.1 and 7.1.2.
    if (packet.payload.size() < least || packet.hop_limit != 255 || byte_at(packet.payload, 1) != 0) {
        return Verdict::malformed;
    }
    if (!to_multicast && !is_ours(packet.destination)) {
        return Verdict::destination;
    }
    // The unspecified address asks whether an address is taken. RFC 4862, 5.4.
    const bool is_own = is_guests_global(packet.source) || is_guests_link_local(packet.source);
    return is_own || packet.source == Ipv6Address{} ? Verdict::pass : Verdict::source;
}

Verdict judge_icmpv6(const Ipv6Packet& packet) noexcept {
    constexpr Ipv6Address all_nodes{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    constexpr Ipv6Address all_routers{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2};
    constexpr std::array<std::uint8_t, 13> solicited_node{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};
    switch (byte_at(packet.payload, 0)) {
        case 128: // echo request, RFC 4443
            return judge_echo(packet);
        case 133: // router solicitation, RFC 4861
            return judge_neighbour_discovery(packet, 8, packet.destination == all_routers);
        case 135: // neighbour solicitation
            return judge_neighbour_discovery(packet, 24, starts_with(packet.destination, solicited_node));
        case 136: // neighbour advertisement
            return judge_neighbour_discovery(packet, 24, packet.destination == all_nodes);
        default:
            return Verdict::unserved;
    }
}

Verdict judge_ipv6_transport(const Ipv6Packet& packet) noexcept {
    // All_DHCP_Relay_Agents_and_Servers: RFC 8415, 7.1.
    constexpr Ipv6Address dhcp_servers{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2};
    const bool is_udp = packet.protocol == protocol_udp;
    const unsigned port = word_at(packet.payload, 2);
    if (packet.destination == dhcp_servers && is_udp && port == port_dhcpv6_server) {
        return is_guests_link_local(packet.source) || is_guests_global(packet.source) ? Verdict::pass
                                                                                      : Verdict::source;
    }
    if (is_forbidden(packet.destination)) {
        return Verdict::destination;
    }
    if (!is_guests_global(packet.source)) {
        return Verdict::source;
    }
    return is_udp && port == port_tftp && packet.destination == ipv6_gateway ? Verdict::unserved
                                                                             : Verdict::pass;
}

Verdict judge_ipv6(Bytes frame_payload) noexcept {
    if (frame_payload.size() < ipv6_header || byte_at(frame_payload, 0) >> 4 != 6) {
        return Verdict::malformed;
    }
    const std::size_t length = word_at(frame_payload, 4);
    if (length == 0 || length > frame_payload.size() - ipv6_header) {
        return Verdict::malformed; // 0 would announce a jumbogram: RFC 2675
    }
    const Ipv6Packet packet{
        .source = address_at<Ipv6Address>(frame_payload, 8),
        .destination = address_at<Ipv6Address>(frame_payload, 24),
        .protocol = byte_at(frame_payload, 6),
        .hop_limit = byte_at(frame_payload, 7),
        .payload = frame_payload.subspan(ipv6_header, length),
    };
    if (packet.protocol != protocol_tcp && packet.protocol != protocol_udp &&
        packet.protocol != protocol_icmpv6) {
        return Verdict::unserved; // extension headers, and with them MLD and fragments: libslirp reads none
    }
    if (!transport_is_sane(packet.protocol, packet.payload)) {
        return Verdict::malformed;
    }
    return packet.protocol == protocol_icmpv6 ? judge_icmpv6(packet) : judge_ipv6_transport(packet);
}

} // namespace

Verdict judge_frame(std::span<const std::byte> frame, bool ipv6) noexcept {
    if (frame.size() < ethernet_header) {
        return Verdict::malformed;
    }
    const Bytes payload = frame.subspan(ethernet_header);
    switch (word_at(frame, 12)) {
        case ethertype_arp:
            return judge_arp(payload);
        case ethertype_ipv4:
            return judge_ipv4(payload);
        case ethertype_ipv6:
            return ipv6 ? judge_ipv6(payload) : Verdict::unserved;
        default:
            return Verdict::unserved; // VLAN tags (802.1Q) as well: nothing behind the tap has any
    }
}

bool is_outside(const IpAddress& address) noexcept {
    const auto bytes = std::as_bytes(address.bytes());
    if (address.is_ipv6()) {
        const auto ipv6 = address_at<Ipv6Address>(bytes, 0);
        return !is_forbidden(ipv6) && !is_in_own_prefix(ipv6);
    }
    const auto ipv4 = address_at<Ipv4Address>(bytes, 0);
    return !is_forbidden(ipv4) && !is_in_own_subnet(ipv4);
}

} // namespace sandbox::net
