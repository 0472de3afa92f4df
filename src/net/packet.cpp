// SPDX-License-Identifier: Apache-2.0
// Headers read and made: Ethernet II, IPv4 (RFC 791), IPv6 (RFC 8200), TCP (RFC 9293), UDP (RFC 768), ICMP.
#include "net/packet.hpp"

#include <algorithm>

#include "net/addresses.hpp"

namespace sandbox::net {

namespace {

constexpr std::size_t ethernet_header = 14;
constexpr std::size_t ipv4_header = 20;
constexpr std::size_t ipv6_header = 40;
constexpr std::size_t tcp_header = 20;
constexpr std::size_t udp_header = 8;
constexpr std::size_t icmp_header = 8;
constexpr unsigned ethertype_ipv4 = 0x0800;
constexpr unsigned ethertype_ipv6 = 0x86dd;
constexpr std::uint8_t hop_limit = 64;
/// What an ICMP error may quote so that it fits any link. RFC 1812, 4.3.2.3; RFC 4443, 2.4.
constexpr std::size_t quoted_ipv4 = 576 - ipv4_header - icmp_header;
constexpr std::size_t quoted_ipv6 = 1280 - ipv6_header - icmp_header;

void put_byte(Frame& frame, std::size_t at, std::size_t value) noexcept {
    frame[at] = static_cast<std::byte>(value);
}

void put_word(Frame& frame, std::size_t at, std::size_t value) noexcept {
    put_byte(frame, at, value >> 8 & 0xff);
    put_byte(frame, at + 1, value & 0xff);
}

void put_long(Frame& frame, std::size_t at, std::uint32_t value) noexcept {
    put_word(frame, at, value >> 16);
    put_word(frame, at + 2, value & 0xffff);
}

void put_bytes(Frame& frame, std::size_t at, std::span<const std::uint8_t> bytes) noexcept {
    std::ranges::transform(bytes, frame.begin() + static_cast<std::ptrdiff_t>(at),
                           [](std::uint8_t byte) { return std::byte{byte}; });
}

template <std::size_t Size>
IpAddress address_at(Bytes bytes, std::size_t at) noexcept {
    std::array<std::uint8_t, Size> address{};
    std::ranges::transform(bytes.subspan(at, Size), address.begin(),
                           [](std::byte byte) { return std::to_integer<std::uint8_t>(byte); });
    return IpAddress{address};
}

/// The Internet checksum's sum, not yet folded. RFC 1071.
std::uint64_t sum_of(Bytes bytes, std::uint64_t sum = 0) noexcept {
    std::size_t at = 0;
    for (; at + 1 < bytes.size(); at += 2) {
        sum += word_at(bytes, at);
    }
    return at < bytes.size() ? sum + (byte_at(bytes, at) << 8) : sum;
}

unsigned fold(std::uint64_t sum) noexcept {
    while (sum >> 16 != 0) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return static_cast<unsigned>(~sum & 0xffff);
}

std::size_t ip_header_size(const IpAddress& address) noexcept {
    return address.is_ipv6() ? ipv6_header : ipv4_header;
}

/// A frame with Ethernet and IP headers, and room for a transport part of `size` bytes. From the host's side:
/// its MAC address is libslirp's for the gateway, 52:55 and 10.0.2.2.
Frame begin_frame(const MacAddress& to, const IpAddress& source, const IpAddress& destination,
                  Protocol protocol, std::size_t size) {
    constexpr MacAddress gateway{0x52, 0x55, 10, 0, 2, 2};
    const std::size_t header = ip_header_size(source);
    Frame frame(ethernet_header + header + size);
    put_bytes(frame, 0, to);
    put_bytes(frame, 6, gateway);
    constexpr std::size_t ip = ethernet_header;
    if (source.is_ipv6()) {
        put_word(frame, 12, ethertype_ipv6);
        put_byte(frame, ip, 6 << 4);
        put_word(frame, ip + 4, size);
        put_byte(frame, ip + 6, static_cast<std::size_t>(protocol));
        put_byte(frame, ip + 7, hop_limit);
        put_bytes(frame, ip + 8, source.bytes());
        put_bytes(frame, ip + 24, destination.bytes());
    } else {
        put_word(frame, 12, ethertype_ipv4);
        put_byte(frame, ip, 4 << 4 | ipv4_header / 4);
        put_word(frame, ip + 2, header + size);
        put_word(frame, ip + 6, 0x4000); // do not fragment
        put_byte(frame, ip + 8, hop_limit);
        put_byte(frame, ip + 9, static_cast<std::size_t>(protocol));
        put_bytes(frame, ip + 12, source.bytes());
        put_bytes(frame, ip + 16, destination.bytes());
        put_word(frame, ip + 10, fold(sum_of(Bytes{frame}.subspan(ip, ipv4_header))));
    }
    return frame;
}

/// Writes the transport's checksum at `at` within it. ICMP for IPv4 has no pseudo-header.
void finish_frame(Frame& frame, const IpAddress& source, Protocol protocol, std::size_t at) noexcept {
    const std::size_t header = ip_header_size(source);
    const std::size_t begin = ethernet_header + header;
    const Bytes transport = Bytes{frame}.subspan(begin);
    std::uint64_t sum = sum_of(transport);
    if (protocol != Protocol::icmp) {
        const std::size_t addresses = source.is_ipv6() ? 32 : 8;
        sum = sum_of(Bytes{frame}.subspan(begin - addresses, addresses), sum);
        sum += transport.size() + static_cast<std::size_t>(protocol);
    }
    const unsigned checksum = fold(sum);
    // A UDP checksum of zero would say that there is none. RFC 768.
    put_word(frame, begin + at, checksum == 0 && protocol == Protocol::udp ? 0xffff : checksum);
}

MacAddress sender_of(const Packet& packet) noexcept {
    MacAddress sender{};
    std::ranges::transform(packet.frame.subspan(6, sender.size()), sender.begin(),
                           [](std::byte byte) { return std::to_integer<std::uint8_t>(byte); });
    return sender;
}

struct IcmpHeader {
    std::uint8_t type = 0;
    std::uint8_t code = 0;
};

IcmpHeader unreachable_header(bool is_ipv6, Unreachable reason) noexcept {
    switch (reason) {
        case Unreachable::network:
            return is_ipv6 ? IcmpHeader{1, 0} : IcmpHeader{3, 0};
        case Unreachable::host:
            return is_ipv6 ? IcmpHeader{1, 3} : IcmpHeader{3, 1};
        case Unreachable::port:
            return is_ipv6 ? IcmpHeader{1, 4} : IcmpHeader{3, 3};
        case Unreachable::prohibited:
            break;
    }
    return is_ipv6 ? IcmpHeader{1, 1} : IcmpHeader{3, 13};
}

Frame make_icmp_error(const Packet& packet, IcmpHeader header, const IpAddress& source) {
    const bool is_ipv6 = source.is_ipv6();
    const Bytes quoted = packet.ip.first(std::min(packet.ip.size(), is_ipv6 ? quoted_ipv6 : quoted_ipv4));
    const Protocol protocol = is_ipv6 ? Protocol::icmpv6 : Protocol::icmp;
    Frame frame =
        begin_frame(sender_of(packet), source, packet.source.address, protocol, icmp_header + quoted.size());
    const std::size_t icmp = frame.size() - icmp_header - quoted.size();
    put_byte(frame, icmp, header.type);
    put_byte(frame, icmp + 1, header.code);
    std::ranges::copy(quoted, frame.begin() + static_cast<std::ptrdiff_t>(icmp + icmp_header));
    finish_frame(frame, source, protocol, 2);
    return frame;
}

bool parse_transport(Packet& packet) noexcept {
    const Bytes transport = packet.transport;
    const Protocol other_icmp = packet.source.address.is_ipv6() ? Protocol::icmp : Protocol::icmpv6;
    if (packet.protocol == other_icmp) {
        return false;
    }
    std::size_t header = 0;
    switch (packet.protocol) {
        case Protocol::tcp:
            header =
                transport.size() < tcp_header ? tcp_header : std::size_t{byte_at(transport, 12) >> 4} * 4;
            break;
        case Protocol::udp:
            header = udp_header;
            break;
        case Protocol::icmp:
        case Protocol::icmpv6:
            header = icmp_header;
            break;
        default:
            return false;
    }
    if (transport.size() < header || (packet.protocol == Protocol::tcp && header < tcp_header)) {
        return false;
    }
    packet.payload = transport.subspan(header);
    if (packet.protocol == Protocol::tcp || packet.protocol == Protocol::udp) {
        packet.source.port = static_cast<std::uint16_t>(word_at(transport, 0));
        packet.destination.port = static_cast<std::uint16_t>(word_at(transport, 2));
    }
    if (packet.protocol == Protocol::tcp) {
        packet.tcp_flags = std::to_integer<std::uint8_t>(transport[13]);
    }
    if (packet.protocol == Protocol::udp) {
        const std::size_t length = word_at(transport, 4);
        if (length < udp_header || length > transport.size()) {
            return false;
        }
        packet.payload = transport.subspan(udp_header, length - udp_header);
    }
    return true;
}

} // namespace

std::optional<Packet> parse_packet(Bytes frame) noexcept {
    if (frame.size() < ethernet_header + ipv4_header) {
        return std::nullopt;
    }
    Packet packet;
    packet.frame = frame;
    const Bytes ip = frame.subspan(ethernet_header);
    const unsigned ethertype = word_at(frame, 12);
    std::size_t header = 0;
    std::size_t size = 0;
    if (ethertype == ethertype_ipv4) {
        constexpr unsigned more_fragments_and_offset = 0x3fff;
        header = std::size_t{byte_at(ip, 0) & 0xf} * 4;
        size = word_at(ip, 2);
        if (byte_at(ip, 0) >> 4 != 4 || header < ipv4_header ||
            (word_at(ip, 6) & more_fragments_and_offset) != 0) {
            return std::nullopt;
        }
        packet.protocol = Protocol{std::to_integer<std::uint8_t>(ip[9])};
        packet.hop_limit = std::to_integer<std::uint8_t>(ip[8]);
        packet.source.address = address_at<4>(ip, 12);
        packet.destination.address = address_at<4>(ip, 16);
    } else if (ethertype == ethertype_ipv6 && ip.size() >= ipv6_header && byte_at(ip, 0) >> 4 == 6) {
        header = ipv6_header;
        size = ipv6_header + word_at(ip, 4);
        packet.protocol = Protocol{std::to_integer<std::uint8_t>(ip[6])};
        packet.hop_limit = std::to_integer<std::uint8_t>(ip[7]);
        packet.source.address = address_at<16>(ip, 8);
        packet.destination.address = address_at<16>(ip, 24);
    } else {
        return std::nullopt;
    }
    if (size < header || size > ip.size()) {
        return std::nullopt;
    }
    packet.ip = ip.first(size);
    packet.transport = packet.ip.subspan(header);
    return parse_transport(packet) ? std::optional{packet} : std::nullopt;
}

Frame make_reset(const Packet& segment) {
    const bool has_ack = (segment.tcp_flags & tcp_ack) != 0;
    Frame frame = begin_frame(sender_of(segment), segment.destination.address, segment.source.address,
                              Protocol::tcp, tcp_header);
    const std::size_t tcp = frame.size() - tcp_header;
    put_word(frame, tcp, segment.destination.port);
    put_word(frame, tcp + 2, segment.source.port);
    if (has_ack) {
        put_long(frame, tcp + 4, long_at(segment.transport, 8));
    } else {
        const auto occupied = static_cast<std::uint32_t>(segment.payload.size()) +
                              ((segment.tcp_flags & tcp_syn) != 0 ? 1U : 0U) +
                              ((segment.tcp_flags & tcp_fin) != 0 ? 1U : 0U);
        put_long(frame, tcp + 8, long_at(segment.transport, 4) + occupied);
    }
    put_byte(frame, tcp + 12, tcp_header / 4 << 4);
    put_byte(frame, tcp + 13, has_ack ? tcp_rst : tcp_rst | tcp_ack);
    finish_frame(frame, segment.destination.address, Protocol::tcp, 16);
    return frame;
}

Frame make_unreachable(const Packet& packet, Unreachable reason) {
    const bool is_ipv6 = packet.source.address.is_ipv6();
    return make_icmp_error(packet, unreachable_header(is_ipv6, reason),
                           is_ipv6 ? IpAddress{ipv6_gateway} : IpAddress{ipv4_gateway});
}

Frame make_time_exceeded(const Packet& packet, const IpAddress& router) {
    // RFC 792; RFC 4443, 3.3.
    return make_icmp_error(packet, packet.source.address.is_ipv6() ? IcmpHeader{3, 0} : IcmpHeader{11, 0},
                           router);
}

Frame make_datagram(const Endpoint& source, const Endpoint& destination, Bytes payload,
                    const MacAddress& guest) {
    Frame frame =
        begin_frame(guest, source.address, destination.address, Protocol::udp, udp_header + payload.size());
    const std::size_t udp = frame.size() - udp_header - payload.size();
    put_word(frame, udp, source.port);
    put_word(frame, udp + 2, destination.port);
    put_word(frame, udp + 4, udp_header + payload.size());
    std::ranges::copy(payload, frame.begin() + static_cast<std::ptrdiff_t>(udp + udp_header));
    finish_frame(frame, source.address, Protocol::udp, 6);
    return frame;
}

Frame make_echo_reply(const Packet& request, Bytes data) {
    const IpAddress& source = request.destination.address;
    Frame frame = begin_frame(sender_of(request), source, request.source.address, request.protocol,
                              icmp_header + data.size());
    const std::size_t icmp = frame.size() - icmp_header - data.size();
    put_byte(frame, icmp, source.is_ipv6() ? 129 : 0);
    put_long(frame, icmp + 4, long_at(request.transport, 4)); // identifier and sequence number
    std::ranges::copy(data, frame.begin() + static_cast<std::ptrdiff_t>(icmp + icmp_header));
    finish_frame(frame, source, request.protocol, 2);
    return frame;
}

} // namespace sandbox::net
