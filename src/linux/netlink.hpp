// SPDX-License-Identifier: Apache-2.0
// The few rtnetlink(7) requests that set up a network namespace. Usable between clone and exec: the messages
// are built in a fixed buffer on the stack.
#pragma once

#include <netinet/in.h>

#include <cstdint>

namespace sandbox {

/// A route-netlink socket in the calling thread's network namespace. All calls: 0, or -1 with errno set from
/// the kernel's answer.
class Netlink {
  public:
    Netlink() noexcept;
    ~Netlink();
    Netlink(const Netlink&) = delete;
    Netlink& operator=(const Netlink&) = delete;

    /// False when the socket could not be made; errno tells why.
    [[nodiscard]] bool valid() const noexcept { return socket_ >= 0; }

    /// Brings an interface up, with an MTU (in bytes) when that is not 0.
    int link_up(int interface_index, unsigned mtu) noexcept;
    /// Adds an address. `prefix` is its length in bits. IPv6 addresses are added without duplicate detection.
    int add_address(int interface_index, const in_addr& address, unsigned char prefix) noexcept;
    int add_address(int interface_index, const in6_addr& address, unsigned char prefix) noexcept;
    /// The default route by `gateway` on the interface.
    int add_default_route(int interface_index, const in_addr& gateway) noexcept;
    int add_default_route(int interface_index, const in6_addr& gateway) noexcept;
    /// Packets with this mark (SO_MARK, nftables) are routed by `table`. ip-rule(8), fwmark.
    int add_mark_rule(int family, std::uint32_t mark, std::uint32_t table) noexcept;
    /// In `table`, every destination is this machine's own. ip-route(8), type local.
    int add_local_default(int family, std::uint32_t table) noexcept;

  private:
    struct Message;
    int exchange(Message& message) noexcept;
    int add_address_bytes(int index, int family, const void* address, unsigned short size,
                          unsigned char prefix) noexcept;
    int add_route_bytes(int index, int family, const void* gateway, unsigned short size) noexcept;

    int socket_ = -1;
    std::uint32_t sequence_ = 0;
};

} // namespace sandbox
