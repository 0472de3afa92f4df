// SPDX-License-Identifier: Apache-2.0
// The wall in front of every engine: which frames of the sandboxed side are looked at any further.
//
// libslirp connects to whatever address a packet names, in the host's network namespace. Its own
// "disable_host_loopback" knows the gateway's address only: a frame made by hand (AF_PACKET, root inside) to
// 127.0.0.1, 0.0.0.0, ::1 or ::ffff:127.0.0.1 would reach the services on the host's loopback. So the
// destination of every packet, each fragment included, is judged here first. What no engine serves is dropped
// as well: the less of libslirp strangers can reach, the better (CVE-2019-6778, CVE-2020-1983, CVE-2021-3592
// to 3595).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/ip_address.hpp"

namespace sandbox::net {

/// What becomes of a frame. All but `pass` drop it, silently: the inside gets no answer.
enum class Verdict : std::uint8_t {
    pass,
    malformed,   ///< a length, version or header field that contradicts the frame or its RFC
    unserved,    ///< an ethertype, protocol, option or message that no engine answers (VLAN tags, MLD, ...)
    source,      ///< not an address of the guest's own
    destination, ///< an address that must not be reached from inside
};

/// Judges one Ethernet frame without trailing checksum, as read from the tap. Pure; never reads beyond the
/// span. Passed are, from the guest's own addresses (addresses.hpp):
///  - ARP requests and replies for IPv4 over Ethernet (RFC 826);
///  - IPv4 (RFC 791) without options: TCP, UDP and ICMP echo requests, to anything but 0/8, 127/8, 224/3 and
///    the guest's own subnet, of which only the gateway and the nameserver exist; DHCP (RFC 2131) as
///    broadcast too. Fragments pass where their destination does, but not to gateway and nameserver;
///  - IPv6 (RFC 8200) without extension headers: TCP and UDP, to anything but ::/8 (RFC 4291, 2.4: the
///    unspecified, loopback, IPv4-compatible and -mapped addresses), fe80::/10, ff00::/8, the guest's own
///    prefix as above, and 64:ff9b::/32 (RFC 6052, 8215) or 2002::/16 (RFC 3056) with a forbidden IPv4
///    address inside; echo requests likewise, and to the gateway's and nameserver's link-local addresses; the
///    neighbour discovery (RFC 4861) that these need; DHCPv6 (RFC 8415) to its multicast address.
/// TFTP to the gateway is dropped: libslirp's server has nothing to serve.
/// @param ipv6 false drops all IPv6
[[nodiscard]] Verdict judge_frame(std::span<const std::byte> frame, bool ipv6) noexcept;

/// Whether judge_frame() passes TCP and UDP to this address, and it lies outside of the guest's own network.
[[nodiscard]] bool is_outside(const IpAddress& address) noexcept;

} // namespace sandbox::net
