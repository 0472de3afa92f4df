// SPDX-License-Identifier: Apache-2.0
// rtnetlink requests in a fixed buffer; every request asks for an acknowledgement and waits for it.
#include "linux/netlink.hpp"

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sandbox {

struct Netlink::Message {
    alignas(nlmsghdr) char bytes[256] = {};

    nlmsghdr* header() noexcept { return reinterpret_cast<nlmsghdr*>(bytes); }

    template <typename Body>
    Body* start(std::uint16_t type, std::uint16_t flags) noexcept {
        header()->nlmsg_len = NLMSG_LENGTH(sizeof(Body));
        header()->nlmsg_type = type;
        header()->nlmsg_flags = static_cast<std::uint16_t>(flags | NLM_F_REQUEST | NLM_F_ACK);
        return reinterpret_cast<Body*>(NLMSG_DATA(header()));
    }

    void add(std::uint16_t type, const void* data, unsigned short size) noexcept {
        auto* attribute = reinterpret_cast<rtattr*>(bytes + NLMSG_ALIGN(header()->nlmsg_len));
        attribute->rta_type = type;
        attribute->rta_len = static_cast<unsigned short>(RTA_LENGTH(size));
        std::memcpy(RTA_DATA(attribute), data, size);
        header()->nlmsg_len = NLMSG_ALIGN(header()->nlmsg_len) + attribute->rta_len;
    }
};

Netlink::Netlink() noexcept : socket_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)) {}

Netlink::~Netlink() {
    if (socket_ >= 0) {
        (void)::close(socket_);
    }
}

int Netlink::exchange(Message& message) noexcept {
    message.header()->nlmsg_seq = ++sequence_;
    sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    if (::sendto(socket_, message.bytes, message.header()->nlmsg_len, 0, reinterpret_cast<sockaddr*>(&kernel),
                 sizeof kernel) < 0) {
        return -1;
    }
    alignas(nlmsghdr) char answer[1024];
    const ssize_t got = ::recv(socket_, answer, sizeof answer, 0);
    if (got < 0) {
        return -1;
    }
    const auto* header = reinterpret_cast<const nlmsghdr*>(answer);
    if (got < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(nlmsgerr))) || header->nlmsg_type != NLMSG_ERROR) {
        errno = EPROTO;
        return -1;
    }
    const auto* verdict = reinterpret_cast<const nlmsgerr*>(NLMSG_DATA(header));
    if (verdict->error != 0) {
        errno = -verdict->error;
        return -1;
    }
    return 0;
}

int Netlink::link_up(int interface_index, unsigned mtu) noexcept {
    Message message;
    auto* link = message.start<ifinfomsg>(RTM_NEWLINK, 0);
    link->ifi_family = AF_UNSPEC;
    link->ifi_index = interface_index;
    link->ifi_flags = IFF_UP;
    link->ifi_change = IFF_UP;
    if (mtu != 0) {
        message.add(IFLA_MTU, &mtu, sizeof mtu);
    }
    return exchange(message);
}

int Netlink::add_address_bytes(int index, int family, const void* address, unsigned short size,
                               unsigned char prefix) noexcept {
    Message message;
    auto* body = message.start<ifaddrmsg>(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
    body->ifa_family = static_cast<unsigned char>(family);
    body->ifa_prefixlen = prefix;
    body->ifa_flags = IFA_F_PERMANENT | (family == AF_INET6 ? IFA_F_NODAD : 0);
    body->ifa_scope = RT_SCOPE_UNIVERSE;
    body->ifa_index = static_cast<unsigned>(index);
    message.add(IFA_LOCAL, address, size);
    message.add(IFA_ADDRESS, address, size);
    return exchange(message);
}

int Netlink::add_route_bytes(int index, int family, const void* gateway, unsigned short size) noexcept {
    Message message;
    auto* body = message.start<rtmsg>(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
    body->rtm_family = static_cast<unsigned char>(family);
    body->rtm_table = RT_TABLE_MAIN;
    body->rtm_protocol = RTPROT_BOOT;
    body->rtm_scope = RT_SCOPE_UNIVERSE;
    body->rtm_type = RTN_UNICAST;
    message.add(RTA_GATEWAY, gateway, size);
    message.add(RTA_OIF, &index, sizeof index);
    return exchange(message);
}

int Netlink::add_mark_rule(int family, std::uint32_t mark, std::uint32_t table) noexcept {
    Message message;
    auto* body = message.start<fib_rule_hdr>(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL);
    body->family = static_cast<unsigned char>(family);
    body->action = FR_ACT_TO_TBL;
    body->table = RT_TABLE_UNSPEC; // the attribute says it, in more bits
    message.add(FRA_FWMARK, &mark, sizeof mark);
    message.add(FRA_TABLE, &table, sizeof table);
    return exchange(message);
}

int Netlink::add_local_default(int family, std::uint32_t table) noexcept {
    constexpr int loopback_index = 1; // the first interface of every network namespace
    Message message;
    auto* body = message.start<rtmsg>(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
    body->rtm_family = static_cast<unsigned char>(family);
    body->rtm_table = RT_TABLE_UNSPEC;
    body->rtm_protocol = RTPROT_BOOT;
    body->rtm_scope = RT_SCOPE_HOST;
    body->rtm_type = RTN_LOCAL;
    message.add(RTA_TABLE, &table, sizeof table);
    message.add(RTA_OIF, &loopback_index, sizeof loopback_index);
    return exchange(message);
}

int Netlink::add_address(int interface_index, const in_addr& address, unsigned char prefix) noexcept {
    return add_address_bytes(interface_index, AF_INET, &address, sizeof address, prefix);
}

int Netlink::add_address(int interface_index, const in6_addr& address, unsigned char prefix) noexcept {
    return add_address_bytes(interface_index, AF_INET6, &address, sizeof address, prefix);
}

int Netlink::add_default_route(int interface_index, const in_addr& gateway) noexcept {
    return add_route_bytes(interface_index, AF_INET, &gateway, sizeof gateway);
}

int Netlink::add_default_route(int interface_index, const in6_addr& gateway) noexcept {
    return add_route_bytes(interface_index, AF_INET6, &gateway, sizeof gateway);
}

} // namespace sandbox
