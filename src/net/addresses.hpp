// SPDX-License-Identifier: Apache-2.0
// The addresses of the network behind the tap: slirp's customary ones, which users of slirp expect.
#pragma once

#include <array>
#include <cstdint>

namespace sandbox::net {

/// Addresses in network byte order, as they stand in a packet.
using Ipv4Address = std::array<std::uint8_t, 4>;
using Ipv6Address = std::array<std::uint8_t, 16>;

// 10.0.2.0/24
inline constexpr Ipv4Address ipv4_network{10, 0, 2, 0};
inline constexpr Ipv4Address ipv4_netmask{255, 255, 255, 0};
inline constexpr Ipv4Address ipv4_gateway{10, 0, 2, 2};
inline constexpr Ipv4Address ipv4_nameserver{10, 0, 2, 3};
inline constexpr Ipv4Address ipv4_guest{10, 0, 2, 15};
/// What libslirp takes for its own name server, which has no sockets' end here and is never reached: so that
/// it leaves ipv4_nameserver to ours.
inline constexpr Ipv4Address ipv4_slirp_nameserver{10, 0, 2, 254};

// fd00::/64. The guest may give itself other addresses than its fixed one (SLAAC).
inline constexpr std::uint8_t ipv6_prefix_bits = 64;
inline constexpr Ipv6Address ipv6_prefix{0xfd};
inline constexpr Ipv6Address ipv6_gateway{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2};
inline constexpr Ipv6Address ipv6_nameserver{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3};
inline constexpr Ipv6Address ipv6_guest{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x15};

} // namespace sandbox::net
